"""What clients get."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from botocore.exceptions import ClientError
from pydantic_core import to_json

from .documents import Document, PreconditionFailedError, QuotaError, TooManyWritesError
from .requests import RefusedError
from .store import BusyError, Page
from .tokens import ExpiredTokenError, MalformedTokenError

_STATUS = {
    BusyError: (HTTPStatus.SERVICE_UNAVAILABLE, "Another device is writing; call again"),
    ExpiredTokenError: (HTTPStatus.GONE, "The token is too old: read everything again, without one"),
    MalformedTokenError: (HTTPStatus.BAD_REQUEST, "The token is none that this API has given"),
    PreconditionFailedError: (HTTPStatus.PRECONDITION_FAILED, "The document was changed since it was read"),
    QuotaError: (HTTPStatus.FORBIDDEN, None),
    TooManyWritesError: (HTTPStatus.TOO_MANY_REQUESTS, None),
}
PROBLEMS = (*_STATUS, RefusedError)
# What DynamoDB and S3 answer when they take no more requests for a moment; nothing was done.
_THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "ThrottlingException",
}


def answer(
    status: HTTPStatus, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Response[Any]:
    """Return an answer in JSON; no cache may keep what is a user's own."""
    return Response(
        status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
        body=to_json(body).decode() if body is not None else "",
    )


def document_answer(document: Document | None, known: str | None) -> Response[Any]:
    """Return a document itself; 304 when the client has it, 404 when there is none."""
    if document is None:
        return answer(HTTPStatus.NOT_FOUND, {"message": "There is no such document"})
    headers = {"ETag": etag(document.version)}
    if known == headers["ETag"]:
        return answer(HTTPStatus.NOT_MODIFIED, headers=headers)
    data = document.data or b""
    is_json = document.content_type == "application/json"
    return Response(
        HTTPStatus.OK,
        content_type=document.content_type,
        # What a user has stored must not become a page of this name.
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **headers},
        # Powertools encodes bytes in base64, and would write those of this type as JSON once more.
        body=data.decode() if is_json else data,
    )


def page_answer(page: Page) -> Response[Any]:
    """Return a part of what changed."""
    body = {"changes": [_changed(one) for one in page.documents], "token": str(page.token), "more": page.more}
    return answer(HTTPStatus.OK, body)


def problem_answer(problem: Exception) -> Response[Any]:
    """Return the answer for one of ``PROBLEMS``."""
    if isinstance(problem, RefusedError):
        return answer(problem.status, {"message": str(problem)})
    status, text = _STATUS[type(problem)]
    body: dict[str, Any] = {"message": text or str(problem)}
    headers = {}
    if isinstance(problem, TooManyWritesError):
        headers["Retry-After"] = str(problem.retry_after)
    elif isinstance(problem, BusyError):
        headers["Retry-After"] = "1"
    elif isinstance(problem, PreconditionFailedError):
        # What the client needs to merge, without another request.
        body["current"] = None if problem.document is None else _changed(problem.document)
    return answer(status, body, headers)


def throttled_answer(error: ClientError) -> Response[Any]:
    """Return 503 for a request that AWS throttled; everything else is a fault, and raised again."""
    if error.response["Error"]["Code"] not in _THROTTLED:
        raise error
    text = "Too much is going on at once; nothing was written, call again"
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, {"message": text}, {"Retry-After": "1"})


def etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


def _changed(document: Document) -> dict[str, Any]:
    """Describe a document; its data is left out when it is in the bucket, and read by GET."""
    return {
        "key": document.key,
        "version": document.version,
        "modified_at": datetime.fromtimestamp(document.modified_at, UTC).isoformat().replace("+00:00", "Z"),
        "deleted": document.deleted,
        "content_type": document.content_type or None,
        "size": document.size,
        "data": None if document.data is None else base64.b64encode(document.data).decode(),
    }
