"""The API of Backlog, as far as issues are read and answered: https://developer.nulab.com/docs/backlog/."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from pydantic import BaseModel
from pydantic_core import from_json

_TIMEOUT_SECONDS = 5
_COMMENTS = 100
_NOT_FOUND = 404
_SUCCESS = range(200, 300)


class _Project(BaseModel):
    projectKey: str  # noqa: N815 - Backlog's name


class _Content(BaseModel):
    id: int
    key_id: int


class Delivery(BaseModel):
    """What is read of a delivery: which issue it is about. The rest is asked for, because nobody has signed it."""

    id: int
    type: int
    """1 when an issue was added; others for changes, comments, files and commits."""
    project: _Project
    content: _Content

    @property
    def issue_key(self) -> str:
        """The issue's name, such as `OPS-12`."""
        return f"{self.project.projectKey}-{self.content.key_id}"


@dataclass(frozen=True)
class Issue:
    """An issue, as Backlog has it now."""

    key: str
    title: str


class Backlog:
    """Reads and answers issues of one space."""

    def __init__(self, url: str, api_key: str) -> None:
        """Use a space.

        Args:
            url: Its address, such as `https://example.backlog.com`.
            api_key: Of the user who answers. It is a parameter of each address, so addresses are never logged.
        """
        self._url = url.rstrip("/")
        self._key = api_key
        self._http = urllib3.PoolManager(timeout=_TIMEOUT_SECONDS, retries=False)

    def issue(self, key: str) -> Issue | None:
        """Return an issue, or None when there is none of this name.

        Raises:
            RuntimeError: Backlog does not answer as it should.
        """
        answer = self._call("GET", f"/issues/{quote(key, safe='')}")
        return None if answer is None else Issue(answer["issueKey"], answer["summary"])

    def answer_once(self, key: str, text: str, *, reference: str) -> bool:
        """Comment on an issue, unless a comment with the reference is there already; return whether this one did.

        Raises:
            RuntimeError: Backlog does not answer as it should.
        """
        comments = self._call("GET", f"/issues/{quote(key, safe='')}/comments", order="desc", count=str(_COMMENTS))
        if any(reference in str(comment.get("content")) for comment in comments or []):
            return False
        self._call("POST", f"/issues/{quote(key, safe='')}/comments", content=f"{text}\n\n{reference}")
        return True

    def _call(self, method: str, path: str, **parameters: str) -> Any:
        body = parameters if method == "POST" else {}
        query = {"apiKey": self._key, **({} if body else parameters)}
        try:
            answer = self._http.request(
                method,
                f"{self._url}/api/v2{path}?{urlencode(query)}",
                body=urlencode(body) if body else None,
                headers={"Content-Type": "application/x-www-form-urlencoded"} if body else {},
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            # Its text has the address.
            raise RuntimeError(f"Backlog does not answer {method} {path}: {type(error).__name__}") from None
        if answer.status == _NOT_FOUND and method == "GET":
            return None
        if answer.status not in _SUCCESS:
            raise RuntimeError(f"Backlog answers {method} {path} with {answer.status}")
        return from_json(answer.data, allow_inf_nan=False)
