"""API Gateway: mock integrations of REST APIs, such as the preflight responses that the CDK makes.

Their request template gives the status by which a response is chosen, and the template of that makes the body.
MiniStack renders neither.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
"""

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.apigateway.integration_requests import Request, first_values
from cdp_constructs.local.services.apigateway.integrations import refusal, respond_with
from cdp_constructs.local.services.apigateway.mapping_templates import Variables, render
from cdp_constructs.local.services.apigateway.service_calls import Answer

_STATUS = re.compile(r"""statusCode["']?\s*:\s*["']?(\d{3})""")
_JSON = "application/json"


@dataclass(frozen=True)
class _Given:
    """The request that is being answered; `request` is MiniStack's own record of it."""

    request: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, Any]

    def variables(self) -> Variables:
        context = {
            "apiId": self.request["api_id"],
            "requestId": self.request["request_id"],
            "requestOverride": {"header": {}, "querystring": {}, "path": {}},
            "resourcePath": self.request["resource_path"],
            "responseOverride": {"header": {}, "status": None},
            "stage": self.request["stage_name"],
        }
        stage = (self.request.get("stage") or {}).get("variables") or {}
        path, query = dict(self.request["path_params"]), first_values(self.query)
        return Variables(path, query, first_values(self.headers), context, stage)


_given: ContextVar[_Given] = ContextVar("given")


# The last function before the integration that gets the whole request.
@patch("ministack.services.apigateway_v1:_check_request_validation")
def _remember(
    original: Callable[..., Any], method: Any, api_id: str, request: Any, headers: Any, body: bytes, query: Any
) -> Any:
    _given.set(_Given(request, headers or {}, body or b"", query or {}))
    return original(method, api_id, request, headers, body, query)


@patch("ministack.services.apigateway_v1:_invoke_mock_v1")
def _answer(_original: Callable[..., Any], integration: Mapping[str, Any]) -> Any:
    given = _given.get()
    variables = given.variables()
    media = next((value for name, value in given.headers.items() if name.lower() == "content-type"), _JSON)
    template = (integration.get("requestTemplates") or {}).get(media.partition(";")[0].strip().lower())
    text = given.body.decode("utf-8", errors="replace")
    status = _STATUS.search(text if template is None else render(template, text, variables))
    if status is None:
        return refusal()
    request = Request(integration, variables, given.body, "", "")
    return respond_with(request, Answer(int(status[1]), {}, b"{}"), status[1])
