"""Answers with which the embedded cloud refuses a request instead of MiniStack, in the protocol of the service."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack

__all__ = ["Response", "refused"]

_iam_actions: Any = ministack.module("core.iam_actions", "access_denied_response")

Response: TypeAlias = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


def refused(
    service: str, code: str, message: str, status: int, headers: Mapping[str, str], request_id: str = ""
) -> Response:
    """Return the answer of a service that refuses a request.

    Args:
        service: As MiniStack names it, for example `monitoring` for CloudWatch.
        code: Error code.
        message: What is wrong.
        status: HTTP status.
        headers: Those of the request: some services answer in the protocol in which they are asked.
        request_id: Id of the request, where the answer has it.
    """
    # MiniStack's denial is the one formatter of errors that knows the protocol of every service.
    answer: Response = _iam_actions.access_denied_response(
        service, "", "", request_id, error_code=code, message=message, headers=headers
    )
    return status, *answer[1:]
