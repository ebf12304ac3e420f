"""The API of ``UserDataStore``, as a client calls it."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import httpx

__all__ = ["Answer", "DocumentApi", "Documents", "Remote", "TryLaterError"]

_LATER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
_LONGEST = 30
_UNKNOWN_TOKEN = {HTTPStatus.GONE, HTTPStatus.BAD_REQUEST}


class TryLaterError(Exception):
    """The server did not answer, or takes no request now. Nothing is lost: the next call of ``sync`` goes on.

    Attributes:
        retry_after: Seconds to wait at least.
    """

    def __init__(self, message: str, retry_after: float = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A document on the server."""

    key: str
    version: int
    deleted: bool
    content_type: str
    size: int
    data: bytes | None
    """None when it was deleted, and when it must be read by itself."""

    @property
    def is_apart(self) -> bool:
        """Whether the data must be read by itself."""
        return self.data is None and not self.deleted


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a write."""

    version: int | None = None
    """Of the write; None when it was not made."""
    current: Remote | None = None
    """What is there instead; None for nothing."""
    refused: str | None = None
    """Why the server will not take this data."""


class Documents(Protocol):
    """What ``sync`` needs of a server. Every method raises ``TryLaterError``."""

    def changes(self, token: str | None) -> tuple[Sequence[Remote], str, bool] | None:
        """Return what changed since a token, the next token, and whether there is more; None for an old token."""
        ...

    def read(self, key: str) -> Remote | None:
        """Return a document with its data; None for none."""
        ...

    def write(self, key: str, version: int, content_type: str, data: bytes | None, write: str) -> Answer:
        """Write a document, or delete it.

        Args:
            key: Which one.
            version: What it is taken for; 0 for nothing.
            content_type: Of the data.
            data: What it becomes; None for a deletion.
            write: Names the write: the device, a slash, and what is new each time.
        """
        ...


class DocumentApi:
    """``Documents`` over HTTP.

    Args:
        url: Address of the documents, such as ``https://game.example.com/api/saves``.
        token: Returns an access token.
        client: Sends requests; one that waits 30 seconds by default, as API Gateway does.
    """

    def __init__(self, url: str, token: Callable[[], str], client: httpx.Client | None = None) -> None:
        self._url = url
        self._token = token
        self._client = client or httpx.Client(timeout=_LONGEST)

    def changes(self, token: str | None) -> tuple[Sequence[Remote], str, bool] | None:
        """See ``Documents``."""
        answer = self._send("GET", "", params={"since": token} if token is not None else None)
        if token is not None and answer.status_code in _UNKNOWN_TOKEN:
            return None
        found = _success(answer).json()
        return [remote_of(one) for one in found["changes"]], found["token"], found["more"]

    def read(self, key: str) -> Remote | None:
        """See ``Documents``."""
        answer = self._send("GET", f"/{key}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        content = _success(answer).content
        return Remote(
            key=key,
            version=int(answer.headers["etag"].strip('"')),
            deleted=False,
            content_type=answer.headers["content-type"],
            size=len(content),
            data=content,
        )

    def write(self, key: str, version: int, content_type: str, data: bytes | None, write: str) -> Answer:
        """See ``Documents``."""
        known = {"If-Match": f'"{version}"'} if version else {"If-None-Match": "*"}
        headers = {**known, "Idempotency-Key": write}
        if data is None:
            answer = self._send("DELETE", f"/{key}", headers=headers)
        else:
            answer = self._send("PUT", f"/{key}", headers={**headers, "Content-Type": content_type}, content=data)
        return answer_of(answer.status_code, answer.json())

    def _send(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        authorization = {"Authorization": f"Bearer {self._token()}"}
        try:
            answer = self._client.request(
                method, self._url + path, headers={**authorization, **(headers or {})}, **more
            )
        except httpx.TransportError as error:
            raise TryLaterError(f"no answer: {error}") from error
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status_code in _LATER:
            raise TryLaterError(f"status {answer.status_code}", float(answer.headers.get("retry-after", 1)))
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise TryLaterError("sign in again")
        return answer


def remote_of(found: dict[str, Any]) -> Remote:
    """Read a document of an answer."""
    return Remote(
        key=found["key"],
        version=found["version"],
        deleted=found["deleted"],
        content_type=found["content_type"] or "application/json",
        size=found["size"],
        data=None if found["data"] is None else base64.b64decode(found["data"]),
    )


def answer_of(status: int, body: dict[str, Any]) -> Answer:
    """Read the answer to a write."""
    if status == HTTPStatus.PRECONDITION_FAILED:
        return Answer(current=remote_of(body["current"]) if body["current"] is not None else None)
    if status >= HTTPStatus.BAD_REQUEST:
        return Answer(refused=body.get("message", f"status {status}"))
    return Answer(version=body["version"])


def _success(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    raise TryLaterError(f"status {answer.status_code}: {answer.text[:200]}")
