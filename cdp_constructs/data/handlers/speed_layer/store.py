"""Where a thing's latest state and windows are kept: items of one partition, each with a version.

An item is written only if its version is still the one that was read, so nothing that another invocation wrote in
between is lost: then everything is read and folded again, which changes nothing twice.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

LATEST = "LATEST"
MOST_KEYS = 100  # of one BatchGetItem
READS = 5


class ChangedMeanwhileError(Exception):
    """Another invocation wrote the item after it was read."""


def window_key(start_ms: int, length_ms: int) -> str:
    """Return the sort key of a window: windows of another length, from before a change, are other items."""
    minutes = length_ms // 60_000
    return f"WINDOW{'' if minutes == 1 else minutes}#{datetime.fromtimestamp(start_ms / 1000, UTC):%Y-%m-%dT%H:%MZ}"


class Store:
    """The table."""

    def __init__(self, client: Any, table: str) -> None:
        """Give the client of a boto3 resource: it converts Python's types, and threads may share it."""
        self._client = client
        self._table = table

    def read(self, wanted: Mapping[str, Iterable[str]]) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the items of things by their sort keys, as they are now; {} for one that is not there.

        Args:
            wanted: Sort keys by thing.
        """
        found: dict[str, dict[str, dict[str, Any]]] = {
            thing: {key: {} for key in sort_keys} for thing, sort_keys in wanted.items()
        }
        keys = [{"pk": _partition(thing), "sk": key} for thing, states in found.items() for key in states]
        for start in range(0, len(keys), MOST_KEYS):
            for item in self._batch(keys[start : start + MOST_KEYS]):
                state = {**json.loads(item["state"]), "version": int(item["version"])}
                state["seen"] = set(item.get("seen", ()))
                found[item["thing"]][item["sk"]] = state
        return found

    def _batch(self, keys: Sequence[Mapping[str, str]]) -> Iterator[Mapping[str, Any]]:
        """Yield the items of up to `MOST_KEYS` keys."""
        wanted: Any = {self._table: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(READS):
            answer = self._client.batch_get_item(RequestItems=wanted)
            yield from answer["Responses"].get(self._table, [])
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return
            time.sleep(0.05 * 2**attempt)
        error = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "Keys unprocessed"}}
        raise ClientError(error, "BatchGetItem")  # type: ignore[arg-type]  # botocore's type wants every key

    def write(self, thing: str, sort_key: str, state: dict[str, Any], *, expires_at: int | None = None) -> None:
        """Write a state over the version it was read from; its version is then the next one.

        Raises:
            ChangedMeanwhileError: the item has another version.
        """
        version = state.get("version", 0)
        item = {
            "pk": _partition(thing),
            "sk": sort_key,
            "thing": thing,
            # As text: numbers of DynamoDB would come back as Decimal, and its maps may not be compared.
            "state": json.dumps({name: value for name, value in state.items() if name not in {"seen", "version"}}),
            "version": version + 1,
        }
        # A set of DynamoDB is never empty.
        item |= {"seen": state["seen"]} if state.get("seen") else {}
        item |= {"expires_at": expires_at} if expires_at is not None else {}
        condition: Mapping[str, Any] = (
            {"ConditionExpression": "version = :version", "ExpressionAttributeValues": {":version": version}}
            if version
            else {"ConditionExpression": "attribute_not_exists(pk)"}
        )
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise ChangedMeanwhileError from error
            raise
        state["version"] = version + 1


def _partition(thing: str) -> str:
    return f"THING#{thing}"
