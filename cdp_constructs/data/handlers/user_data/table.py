"""The table: a partition for each user, in which a change of a document and of the user's counter is one transaction.

| ``sk`` | |
|---|---|
| ``COUNTER`` | the number of the last change, how many documents and bytes there are, writes in this minute |
| ``DOCUMENT#<key>`` | a document; one that was deleted is kept for 90 days. In the index ``by_change`` |
| ``OBJECT#<id>`` | an object of the bucket that no document has: one that is just being written, or one to delete |
"""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from boto3.dynamodb.conditions import Key
from botocore.config import Config
from botocore.exceptions import ClientError

from .documents import Counter, Document, change_text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

INDEX = "by_change"
# Most keys of one BatchGetItem: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
LONGEST_PAGE = 100
_THROTTLED = 0.1
_DOCUMENT, _OBJECT = "DOCUMENT#", "OBJECT#"
# Another write of the same user was first, or the table is busy: what is read anew can be written.
_WORTH_A_RETRY = {"ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class ConflictError(Exception):
    """Another write of the same user was first; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What a change starts from."""

    counter: Counter
    document: Document | None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The next changes of a user."""

    documents: Sequence[Document]
    last: int
    """The number of the last change that was looked at."""
    more: bool


class Documents(Protocol):
    """What keeps documents."""

    def read(self, user: str, key: str) -> State:
        """Read a document, and the user's counter."""
        ...

    def counter(self, user: str) -> Counter:
        """Read the user's counter."""
        ...

    def write(self, user: str, before: State, counter: Counter, document: Document) -> None:
        """Write a document and the counter, or nothing.

        Raises:
            ConflictError: ``before`` is not what there is any more.
        """
        ...

    def changes(self, user: str, after: int, up_to: int, limit: int) -> Changes:
        """Read what was changed after a change, up to another one, at most so many."""
        ...

    def note_object(self, user: str, object_id: str, now: float) -> None:
        """Note an object before it is written, so that it is found if no document gets it."""
        ...

    def forget_object(self, user: str, object_id: str) -> None:
        """Forget an object that is deleted."""
        ...

    def left_objects(self, user: str, before: float) -> list[str]:
        """Return objects that no document has, noted before a time."""
        ...


class DocumentTable:
    """Documents in DynamoDB."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def read(self, user: str, key: str) -> State:
        """See ``Documents``."""
        found = self._get(user, ["COUNTER", f"{_DOCUMENT}{key}"])
        item = found.get(f"{_DOCUMENT}{key}")
        return State(counter=_counter(found.get("COUNTER")), document=Document.of_item(item) if item else None)

    def counter(self, user: str) -> Counter:
        """See ``Documents``."""
        return _counter(self._table.get_item(Key=_key(user, "COUNTER"), ConsistentRead=True).get("Item"))

    def write(self, user: str, before: State, counter: Counter, document: Document) -> None:
        """See ``Documents``."""
        was = before.document
        writes: list[Any] = [
            self._put(_key(user, "COUNTER") | _counted(counter), "last_change", before.counter.change or None),
            # A condition of its own, because the document may have been read before the counter.
            self._put(
                _key(user, f"{_DOCUMENT}{document.key}") | document.item(),
                "change",
                change_text(was.version) if was is not None else None,
            ),
        ]
        if document.object_id is not None:
            delete = {
                "Key": _key(user, f"{_OBJECT}{document.object_id}"),
                # Noted objects are deleted after a while: one that is not noted any more may be gone.
                "ConditionExpression": "attribute_exists(pk)",
            }
            writes.append({"Delete": delete})
        if was is not None and was.object_id is not None:
            left = _key(user, f"{_OBJECT}{was.object_id}") | {"noted_at": document.modified_at}
            writes.append({"Put": {"Item": left}})
        request: Any = [
            {kind: {**asked, "TableName": self._table.name} for kind, asked in one.items()} for one in writes
        ]
        try:
            self._table.meta.client.transact_write_items(TransactItems=request)
        except ClientError as error:
            reasons: Iterable[Mapping[str, Any]] = error.response.get("CancellationReasons", [])
            codes = {str(reason.get("Code", "None")) for reason in reasons} - {"None"}
            if codes and codes <= _WORTH_A_RETRY:
                raise ConflictError from error
            raise

    def changes(self, user: str, after: int, up_to: int, limit: int) -> Changes:
        """See ``Documents``."""
        page = self._table.query(
            IndexName=INDEX,
            KeyConditionExpression=Key("pk").eq(_partition(user))
            & Key("change").between(change_text(after + 1), change_text(up_to)),
            Limit=limit,
            ConsistentRead=True,
        )
        keys = [str(item["sk"]) for item in page["Items"]]
        more = "LastEvaluatedKey" in page
        last = int(str(page["Items"][-1]["change"])) if more else up_to
        found = self._get(user, keys) if keys else {}
        # One that was changed again meanwhile is given as it is now, and comes once more with the next changes.
        documents = [Document.of_item(found[key]) for key in keys if key in found]
        return Changes(documents=documents, last=last, more=more)

    def note_object(self, user: str, object_id: str, now: float) -> None:
        """See ``Documents``."""
        self._table.put_item(Item=_key(user, f"{_OBJECT}{object_id}") | {"noted_at": int(now)})

    def forget_object(self, user: str, object_id: str) -> None:
        """See ``Documents``."""
        self._table.delete_item(Key=_key(user, f"{_OBJECT}{object_id}"))

    def left_objects(self, user: str, before: float) -> list[str]:
        """See ``Documents``."""
        page = self._table.query(
            KeyConditionExpression=Key("pk").eq(_partition(user)) & Key("sk").begins_with(_OBJECT),
            Limit=LONGEST_PAGE,
            ConsistentRead=True,
        )
        return [str(one["sk"]).removeprefix(_OBJECT) for one in page["Items"] if int(str(one["noted_at"])) < before]

    def _put(self, item: dict[str, Any], attribute: str, expected: Any) -> dict[str, Any]:
        put: dict[str, Any] = {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        if expected is not None:
            put |= {
                "ConditionExpression": "#attribute = :expected",
                "ExpressionAttributeNames": {"#attribute": attribute},
                "ExpressionAttributeValues": {":expected": expected},
            }
        return {"Put": put}

    def _get(self, user: str, sort_keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        asked: Any = {self._table.name: {"Keys": [_key(user, one) for one in sort_keys], "ConsistentRead": True}}
        found: dict[str, dict[str, Any]] = {}
        while asked:
            answer = self._table.meta.client.batch_get_item(RequestItems=asked)
            for item in answer["Responses"].get(self._table.name, []):
                found[str(item["sk"])] = item
            asked = answer["UnprocessedKeys"]
            if asked:
                # The table throttles; the time limit of the request ends this if it goes on.
                time.sleep(random.uniform(0, _THROTTLED))  # noqa: S311 - jitter, not a secret
        return found


def connect(table_name: str) -> DocumentTable:
    """Return the table. Calls end within the API's own time limit."""
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "max_attempts": 3})
    return DocumentTable(boto3.resource("dynamodb", config=config).Table(table_name))


def _partition(user: str) -> str:
    return f"USER#{user}"


def _key(user: str, sort_key: str) -> dict[str, Any]:
    return {"pk": _partition(user), "sk": sort_key}


# By field. The attribute "change" would take the counter into the index.
_COUNTED = {"change": "last_change", "documents": "documents", "size": "size", "minute": "minute", "writes": "writes"}


def _counter(item: Mapping[str, Any] | None) -> Counter:
    return Counter(**{field: int(item[name]) for field, name in _COUNTED.items()}) if item else Counter()


def _counted(counter: Counter) -> dict[str, int]:
    return {name: getattr(counter, field) for field, name in _COUNTED.items()}
