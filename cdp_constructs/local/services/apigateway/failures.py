"""API Gateway: what a caller is told about a function that failed, or whose answer is none.

MiniStack answers 502 with the text of the exception. API Gateway keeps the exception to itself: an HTTP API answers
500, a REST API 502, and an HTTP API whose function Lambda has throttled 503
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html). So do they for
an answer with a status, headers or a body that cannot be sent, for which MiniStack ends the connection.
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit.patch import patch

_JSON = {"Content-Type": "application/json"}

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SENDABLE = re.compile(r"[^\x00\r\n]*")

# What came of the last call of a function, between the call and the answer that an API makes of it.
_outcome: ContextVar[HTTPStatus | None] = ContextVar("outcome", default=None)


def _status(value: Any) -> int:
    status = int(value)  # a text, too
    if not HTTPStatus.OK <= status <= 599:  # noqa: PLR2004 - the last one of HTTP
        raise ValueError(f"{value} is no status")
    return status


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if not _SENDABLE.fullmatch(text):
        raise ValueError("a line break in a header")
    return text


def _sendable(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of a function as it is sent.

    Raises:
        AttributeError, TypeError, ValueError: it cannot be sent.
    """
    headers = {name: _text(value) for name, value in (answer.get("headers") or {}).items() if value is not None}
    several = {name: [*map(_text, values or ())] for name, values in (answer.get("multiValueHeaders") or {}).items()}
    if wrong := [name for name in (*headers, *several) if not _HEADER.fullmatch(name)]:
        raise ValueError(f"{wrong[0]!r} is no name of a header")
    if answer.get("isBase64Encoded") and isinstance(answer.get("body"), str):
        base64.b64decode(answer["body"], validate=True)
    made = {"statusCode": _status(answer.get("statusCode", 200)), "headers": headers, "multiValueHeaders": several}
    return {**answer, **made, "cookies": [*map(_text, answer.get("cookies") or ())]}


@patch("ministack.services.lambda_svc:lambda_execute_result_to_api_proxy_response")
def _keep_the_exception(original: Callable[..., Any], result: Mapping[str, Any]) -> Any:
    answer, problem = original(result)
    if not result.get("error") and not result.get("throttle"):
        try:
            return _sendable(answer), problem
        except (AttributeError, TypeError, ValueError):
            _outcome.set(HTTPStatus.INTERNAL_SERVER_ERROR)
            body = json.dumps({"message": "Internal server error"})
            return {"statusCode": HTTPStatus.BAD_GATEWAY, "headers": dict(_JSON), "body": body}, problem
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
