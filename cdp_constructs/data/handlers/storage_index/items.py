"""The table of the index.

One item per object, ``object`` = ``<bucket>/<key>``. A living object has ``bucket key search_name owner day modified_at
size etag content_type metadata version_id``; a deleted one has ``deleted_at`` and ``expires_at`` and is in no
secondary index. ``sequencer`` is that of the newest event that was recorded.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

__all__ = ["Items"]

BATCH_GET = 100


class Items:
    """The items."""

    def __init__(self, database: "DynamoDBServiceResource", table_name: str) -> None:
        """Use a table; threads may share this."""
        self._database = database
        self._table_name = table_name
        self._tables = threading.local()

    @property
    def _table(self) -> "Table":
        # One for each thread, which must not share a resource; making one takes as long as two calls of it.
        if not hasattr(self._tables, "mine"):
            self._tables.mine = self._database.Table(self._table_name)
        table: Table = self._tables.mine
        return table

    def put(self, item: Mapping[str, Any], sequencer: str, condition: ConditionBase) -> bool:
        """Write an object's item if the condition holds; return whether it did."""
        try:
            self._table.put_item(Item={**item, "sequencer": sequencer}, ConditionExpression=condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def get(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the items of many objects, by name."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(names), BATCH_GET):
            keys = [{"object": name} for name in names[start : start + BATCH_GET]]
            request: Any = {self._table_name: {"Keys": keys, "ConsistentRead": True}}
            while request:
                answer: Any = self._database.batch_get_item(RequestItems=request)
                found.update({item["object"]: item for item in answer["Responses"][self._table_name]})
                request = answer["UnprocessedKeys"]
        return found

    def living(self, bucket: str, prefix: str, after: str) -> tuple[dict[str, dict[str, Any]], str | None]:
        """Return a page of items that say that their object exists, by key, and where the next page begins."""
        condition: ConditionBase = Attr("bucket").eq(bucket) & Attr("deleted_at").not_exists()
        if prefix:
            condition &= Attr("key").begins_with(prefix)
        request: dict[str, Any] = {"FilterExpression": condition, "ConsistentRead": True}
        if after:
            request["ExclusiveStartKey"] = {"object": after}
        answer: Any = self._table.scan(**request)
        last = answer.get("LastEvaluatedKey")
        # By the key of the item, which is always there, and not by an attribute that somebody else may have written.
        found = {item["object"].removeprefix(f"{bucket}/"): item for item in answer["Items"]}
        return found, last["object"] if last else None

    def place(self, name: str) -> dict[str, Any] | None:
        """Return what was kept under a name by ``keep_place``."""
        item: dict[str, Any] | None = self._table.get_item(Key={"object": name}).get("Item")
        return item

    def keep_place(self, name: str, place: Mapping[str, Any] | None) -> None:
        """Keep where the next run continues; None when there is nothing left."""
        if place is None:
            self._table.delete_item(Key={"object": name})
        else:
            self._table.put_item(Item={"object": name, **place})
