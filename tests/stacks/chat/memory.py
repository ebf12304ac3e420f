"""A replica in memory, with the few calls and conditions that the chat uses."""

import re
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from stacks.chat.handlers.domain import table as keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# "name = :value", or "name = if_not_exists(name, :value)".
_CHANGE = re.compile(r"([#\w]+) = (if_not_exists\([#\w]+, )?(:\w+)\)?")


class MemoryTable:
    """A replica in memory, with the few calls and conditions that the log uses."""

    name = "chat"

    def __init__(self) -> None:
        self.items: dict[keys.Key, keys.Item] = {}
        self.meta = SimpleNamespace(client=self)
        self.before_transaction: Callable[[], None] = lambda: None
        self.before_put: Callable[[], None] = lambda: None

    def put(self, *items: keys.Item) -> None:
        self.items |= {(item["pk"], item["sk"]): item for item in items}

    def get_item(self, Key: keys.Item, **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        item = self.items.get((Key["pk"], Key["sk"]))
        return {"Item": item} if item else {}

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        asked = [(key["pk"], key["sk"]) for key in RequestItems[self.name]["Keys"]]
        assert len(asked) == len(set(asked)) <= 100
        found = [self.items[key] for key in asked if key in self.items]
        return {"Responses": {self.name: found}, "UnprocessedKeys": {}}

    def query(
        self,
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: dict[str, str],  # noqa: N803
        Limit: int = 1000,  # noqa: N803
        ScanIndexForward: bool = True,  # noqa: FBT002, N803
        FilterExpression: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        values = ExpressionAttributeValues
        if "IndexName" in _:
            found = sorted(key for key, item in self.items.items() if item.get("user") == values[":user"])
            items = [item for key in found if "room" in (item := self.items[key]) and "left_at" not in item]
            return {"Items": items}
        name_of_partition = re.match(r"pk = (:\w+)", KeyConditionExpression)[1]  # type: ignore[index]
        partition = sorted(key for key in self.items if key[0] == values[name_of_partition])
        if "begins_with" in KeyConditionExpression:
            (prefix,) = [value for name, value in values.items() if name != name_of_partition]
            found = [key for key in partition if key[1].startswith(prefix)]
        else:
            found = [key for key in partition if values[":low"] <= key[1] <= values[":high"]]
        items = [self.items[key] for key in (found if ScanIndexForward else found[::-1])[:Limit]]
        if FilterExpression:
            assert FilterExpression == "attribute_not_exists(left_at)"
            items = [item for item in items if "left_at" not in item]
        return {"Items": items}

    def put_item(
        self,
        Item: keys.Item,  # noqa: N803
        ConditionExpression: str = "",  # noqa: N803
        ExpressionAttributeValues: dict[str, Any] | None = None,  # noqa: N803
        **_: Any,
    ) -> None:
        self.before_put()
        stored = self.items.get((Item["pk"], Item["sk"]))
        if ConditionExpression == "#cursor = :before":
            held = stored is not None and stored["cursor"] == (ExpressionAttributeValues or {})[":before"]
        else:
            assert ConditionExpression in {"", "attribute_not_exists(pk)"}
            held = not ConditionExpression or stored is None
        if not held:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")
        self.put(Item)

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        self.before_transaction()
        held = [self._holds(item["Put"]) if "Put" in item else self._counts(**item["Update"]) for item in TransactItems]
        reasons = [{"Code": "None" if good else "ConditionalCheckFailed"} for good in held]
        if not all(held):
            raise cancelled(reasons)
        self.put(*(item["Put"]["Item"] for item in TransactItems if "Put" in item))
        for item in TransactItems:
            if "Update" in item:
                self.update_item(**item["Update"])

    def update_item(
        self,
        Key: keys.Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ExpressionAttributeValues: dict[str, Any],  # noqa: N803
        **more: Any,
    ) -> dict[str, Any]:
        stored = self.items.get((Key["pk"], Key["sk"]), {})
        values = ExpressionAttributeValues
        if not self._counts(Key, ExpressionAttributeValues=values, **more):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
        UpdateExpression, _, removed = UpdateExpression.partition(" REMOVE ")  # noqa: N806
        if UpdateExpression == "SET previous = if_not_exists(generation, :first), generation = :next":
            updated = {"previous": stored.get("generation", values[":first"]), "generation": values[":next"]}
        elif UpdateExpression == "ADD used :one SET expires_at = :end":
            updated = {"used": stored.get("used", 0) + values[":one"], "expires_at": values[":end"]}
        else:
            names = more.get("ExpressionAttributeNames", {})
            updated = {}
            for name, only_new, value in _CHANGE.findall(UpdateExpression.removeprefix("SET ")):
                name = names.get(name, name)  # noqa: PLW2901
                updated[name] = stored.get(name, values[value]) if only_new else values[value]
        kept = {name: value for name, value in stored.items() if name not in removed.split(", ")}
        self.put({**kept, **Key, **updated})
        return {"Attributes": {**kept, **Key, **updated} if more.get("ReturnValues") == "ALL_NEW" else updated}

    def delete_item(self, Key: keys.Item, **_: Any) -> dict[str, Any]:  # noqa: N803
        item = self.items.pop((Key["pk"], Key["sk"]), None)
        return {"Attributes": item} if item else {}

    @contextmanager
    def batch_writer(self) -> "Iterator[MemoryTable]":
        yield self

    def _counts(self, Key: keys.Item, ConditionExpression: str = "", **update: Any) -> bool:  # noqa: N803
        """Return whether the condition of an update holds."""
        stored = self.items.get((Key["pk"], Key["sk"]), {})
        if not ConditionExpression:
            return True
        if ConditionExpression == "attribute_exists(pk)":
            return bool(stored)
        if ConditionExpression == "attribute_not_exists(deletion)":
            return "deletion" not in stored
        assert ConditionExpression == "attribute_not_exists(used) OR used < :most"
        return "used" not in stored or stored["used"] < update["ExpressionAttributeValues"][":most"]

    def _holds(self, put: dict[str, Any]) -> bool:
        stored = self.items.get((put["Item"]["pk"], put["Item"]["sk"]))
        if put["ConditionExpression"] == "attribute_not_exists(pk)":
            return stored is None
        if put["ConditionExpression"] == "attribute_exists(pk) AND attribute_not_exists(left_at)":
            return stored is not None and "left_at" not in stored
        assert put["ConditionExpression"] == "#sequence = :before"
        return stored is not None and stored["sequence"] == put["ExpressionAttributeValues"][":before"]


def cancelled(reasons: list[dict[str, str]]) -> ClientError:
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    return ClientError(response, "TransactWriteItems")
