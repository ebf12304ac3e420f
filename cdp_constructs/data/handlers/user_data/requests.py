"""What clients may send. Pure; each refusal says what to send instead."""

import base64
import binascii
import re
from collections.abc import Mapping
from http import HTTPStatus

from pydantic_core import from_json

from .documents import Content, Precondition, Write
from .environment import Environment

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# Printable ASCII, as issuers give; it is a part of keys.
_USER = re.compile(r"[!-~]{1,128}")
_ETAG = re.compile(r'"([1-9][0-9]{0,11})"')
_WRITE = re.compile(r"([A-Za-z0-9._-]{1,36})/([A-Za-z0-9._-]{1,36})")
_LIMIT = re.compile(r"[1-9][0-9]?|100")
_JSON = re.compile(r"application/([a-z0-9.-]+\+)?json")
DEFAULT_LIMIT = 100


class RefusedError(Exception):
    """The request breaks a rule.

    Attributes:
        status: Of the answer.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def user_of(claims: Mapping[str, str] | None) -> str:
    """Return who calls: the subject of the token that the API's authorizer has verified.

    Raises:
        RefusedError: there is no token, or no subject that can be a key.
    """
    user = (claims or {}).get("sub")
    if not user:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "Sign in first")
    if not _USER.fullmatch(user):
        raise RefusedError(HTTPStatus.FORBIDDEN, "The token's sub is not 1 to 128 printable characters of ASCII")
    return user


def key_of(text: str) -> str:
    """Return the key of a document.

    Raises:
        RefusedError: it is none.
    """
    if not _KEY.fullmatch(text):
        message = "A key is 1 to 128 letters, digits, dots, hyphens and underscores, a letter or digit first"
        raise RefusedError(HTTPStatus.BAD_REQUEST, message)
    return text


def precondition_of(headers: Mapping[str, str]) -> Precondition:
    """Return what the client takes the document for.

    Raises:
        RefusedError: it does not say, or in another form.
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is None and none_match is None:
        message = 'Send If-Match with the ETag that you have read, or "If-None-Match: *" for a new document'
        raise RefusedError(HTTPStatus.PRECONDITION_REQUIRED, message)
    if match is None and none_match == "*":
        return Precondition(None)
    found = _ETAG.fullmatch(match) if match is not None and none_match is None else None
    if found is None:
        message = 'Send one of If-Match with one ETag, such as "7", and "If-None-Match: *"'
        raise RefusedError(HTTPStatus.BAD_REQUEST, message)
    return Precondition(int(found[1]))


def write_of(headers: Mapping[str, str]) -> Write | None:
    """Return the name of the write, None when the client gives none.

    Raises:
        RefusedError: it has another form.
    """
    name = headers.get("idempotency-key")
    if name is None:
        return None
    found = _WRITE.fullmatch(name)
    if found is None:
        message = "Idempotency-Key is the device, a slash, and the write: each 1 to 36 letters, digits and ._-"
        raise RefusedError(HTTPStatus.BAD_REQUEST, message)
    return Write(found[1], found[2])


def limit_of(text: str | None) -> int:
    """Return the most documents of a page.

    Raises:
        RefusedError: it is no number from 1 to 100.
    """
    if text is None:
        return DEFAULT_LIMIT
    if not _LIMIT.fullmatch(text):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "limit is not a number from 1 to 100")
    return int(text)


def content_of(headers: Mapping[str, str], body: str | None, *, encoded: bool, environment: Environment) -> Content:
    """Return what a document becomes.

    Args:
        headers: Of the request.
        body: As the API gives it.
        encoded: Whether the API has encoded it.
        environment: The types and sizes that are accepted.

    Raises:
        RefusedError: another type, too large, empty, or no JSON where the type says so.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in environment.content_types:
        accepted = ", ".join(sorted(environment.content_types))
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send one of these types: {accepted}")
    too_large = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A document has at most {environment.largest} bytes")
    text = body or ""
    # Base64 is a third longer.
    if len(text) > environment.largest * 4 / 3 + 4:
        raise too_large
    try:
        data = base64.b64decode(text, validate=True) if encoded else text.encode()
    except (binascii.Error, ValueError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "The body is neither text in UTF-8 nor base64") from error
    if len(data) > environment.largest:
        raise too_large
    if not data:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "The body is empty; DELETE removes a document")
    if _JSON.fullmatch(content_type):
        try:
            from_json(data, allow_inf_nan=False)
        except ValueError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "The body is not JSON that can be read") from error
    return Content(content_type=content_type, data=data)
