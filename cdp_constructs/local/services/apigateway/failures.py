"""API Gateway: what a caller is told about a function that failed.

MiniStack answers 502 with the text of the exception. API Gateway keeps the exception to itself: an HTTP API answers
500, a REST API 502, and an HTTP API whose function Lambda has throttled 503
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html).
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit.patch import patch

_JSON = {"Content-Type": "application/json"}

# What came of the last call of a function, between the call and the answer that an API makes of it.
_outcome: ContextVar[HTTPStatus | None] = ContextVar("outcome", default=None)


@patch("ministack.services.lambda_svc:lambda_execute_result_to_api_proxy_response")
def _keep_the_exception(original: Callable[..., Any], result: Mapping[str, Any]) -> Any:
    answer, problem = original(result)
    if result.get("throttle"):
        _outcome.set(HTTPStatus.SERVICE_UNAVAILABLE)
    elif result.get("error") and answer.get("statusCode") == HTTPStatus.BAD_GATEWAY:
        _outcome.set(HTTPStatus.INTERNAL_SERVER_ERROR)
        answer = {**answer, "body": "Internal server error"}  # as a REST API words it
    return answer, problem


@patch("ministack.services.apigateway:_invoke_lambda_proxy")
async def _answer_of_an_http_api(
    original: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any
) -> tuple[int, Mapping[str, Any], bytes]:
    _outcome.set(None)
    status, headers, body = await original(*arguments, **options)
    outcome = _outcome.get()
    if outcome is None:
        return status, headers, body
    return outcome, dict(_JSON), json.dumps({"message": outcome.phrase}).encode()
