"""Application Load Balancers: functions as targets.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.elbv2 import answers
from cdp_constructs.local.services.elbv2.rules import Request

__all__ = ["MOST_BODY", "invoke"]

_alb: Any = ministack.module("services.alb", "_invoke_lambda_target")

MOST_BODY = 1024 * 1024
"""Bytes of the body of a request for a function."""
_FAILED = 502


def _flat(headers: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, str(each))
        for name, value in headers.items()
        if name.lower() not in {"content-length", "transfer-encoding", "connection"}
        for each in (value if isinstance(value, list) else [value])
    ]


async def invoke(
    group: str, function: str, request: Request, headers: Mapping[str, str], body: bytes
) -> tuple[answers.Answer, str]:
    """Invoke a function, and return the response and the reason of a failure, empty if there is none.

    Args:
        group: ARN of the target group.
        function: ARN of the function.
        request: What rules see of the request.
        headers: What the function gets.
        body: The body of the request.
    """
    query = parse_qs(request.query, keep_blank_values=True)
    status, answered, content = await _alb._invoke_lambda_target(
        function, group, request.method, request.path, headers, body, query, request.query
    )
    if status == _FAILED and not isinstance(content, bytes | bytearray):
        content = b""
    if status == _FAILED and content.startswith(b'{"message": "Lambda'):
        return answers.error(_FAILED), "LambdaUnhandled"
    return answers.Answer(int(status), _flat(answered), bytes(content)), ""
