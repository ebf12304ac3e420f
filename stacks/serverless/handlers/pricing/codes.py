"""The codes of links: who has one may decide about one question. Only their digests are kept."""

import hashlib
import hmac
import json
import os
import secrets
import time
from typing import TYPE_CHECKING, Any

import boto3
from pydantic_core import from_json

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

__all__ = ["Codes", "connect"]

_BYTES = 16
# Longer than a question may wait.
_KEPT_SECONDS = 45 * 86_400


def connect() -> "Codes":
    """Return the codes of the table that the environment names."""
    return Codes(boto3.resource("dynamodb").Table(os.environ["TABLE"]))


class Codes:
    """The codes of all questions."""

    def __init__(self, table: "Table") -> None:
        """Keep them in a table."""
        self._table = table

    def issue(self, approval: str, question: dict[str, Any]) -> str:
        """Return a new code for a question; one that was issued before is void."""
        code = secrets.token_urlsafe(_BYTES)
        item: dict[str, Any] = {
            **_key(approval),
            "digest": _digest(code),
            "question": json.dumps(question),
            "expires_at": int(time.time()) + _KEPT_SECONDS,
        }
        self._table.put_item(Item=item)
        return code

    def question(self, approval: str, code: str) -> dict[str, Any] | None:
        """Return the question of a code; None for a code that is wrong, used or expired."""
        item = self._table.get_item(Key=_key(approval), ConsistentRead=True).get("Item")
        if item is None or not hmac.compare_digest(str(item["digest"]), _digest(code)):
            return None
        question: dict[str, Any] = from_json(str(item["question"]))
        return question

    def forget(self, approval: str) -> None:
        """Make the code of a question void."""
        self._table.delete_item(Key=_key(approval))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _key(approval: str) -> dict[str, str]:
    return {"pk": f"CODE#{approval}", "sk": "CODE"}
