"""Refuses bodies that are no JSON before a route parses them: one that is nested deeply would end the function."""

import base64
import json
from http import HTTPStatus
from typing import Any

from pydantic_core import from_json

LARGEST = 64 * 1024
"""Most bytes of a body: the longest message is a sixteenth of it."""


def refuse_body(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer to a request whose body is too large or cannot be read; None for every other request."""
    body = event.get("body") or ""
    # Base64 is a third longer.
    if len(body) > LARGEST * 4 / 3:
        return _too_large()
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        if len(raw) > LARGEST:
            return _too_large()
    except ValueError:
        return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is neither text in UTF-8 nor base64")
    try:
        if raw:
            from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"the body is not JSON that can be read: {error}")
    return None


def _too_large() -> dict[str, Any]:
    return _answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {LARGEST} bytes")


def _answer(status: HTTPStatus, text: str) -> dict[str, Any]:
    body = json.dumps({"statusCode": status.value, "message": text})
    return {"statusCode": status.value, "headers": {"Content-Type": "application/json"}, "body": body}
