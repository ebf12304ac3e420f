"""Where prices are kept: each list is a version, and one item says which of them holds.

``CURRENT#<supplier>`` names the version that holds and the one before; ``VERSION#<supplier>/<version>`` has the prices.
So all prices of a list begin to hold at once, and going back is one write.
"""

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.config import Config
from botocore.exceptions import ClientError

from .rows import Row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

__all__ = ["Prices", "connect"]

_LIST = "LIST"


def connect() -> "Prices":
    """Return the prices of the table that the environment names."""
    # A step that fails is retried by the workflow, with jitter.
    config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "max_attempts": 2})
    return Prices(boto3.resource("dynamodb", config=config).Table(os.environ["TABLE"]))


class Prices:
    """The prices of all suppliers."""

    def __init__(self, table: "Table") -> None:
        """Keep them in a table."""
        self._table = table

    def current(self, supplier: str) -> dict[str, Any]:
        """Return ``version`` and ``previous`` of a supplier; empty when there is no list yet."""
        item = self._table.get_item(Key=_current(supplier), ConsistentRead=True).get("Item", {})
        return {name: item[name] for name in ("version", "previous") if name in item}

    def cents(self, supplier: str, version: str, sku: str) -> int | None:
        """Return the price of an article in a version."""
        item = self._table.get_item(Key=_price(supplier, version, sku)).get("Item")
        return int(item["cents"]) if item else None  # type: ignore[arg-type]  # a number, as Row has it

    def of_version(self, supplier: str, version: str) -> Iterator[tuple[str, int]]:
        """Yield the articles of a version with their prices."""
        for item in self._items(supplier, version):
            yield item["sk"].removeprefix("SKU#"), int(item["cents"])

    def save(self, supplier: str, version: str, rows: Iterable[Row]) -> None:
        """Write rows of a version; a second time they are the same."""
        with self._table.batch_writer() as batch:
            for row in rows:
                batch.put_item(Item={**_price(supplier, version, row.sku), "cents": row.cents, "name": row.name})

    def discard(self, supplier: str, version: str) -> int:
        """Delete the rows of a version, unless it holds; return how many there were."""
        if self.current(supplier).get("version") == version:
            return 0
        deleted = 0
        with self._table.batch_writer() as batch:
            for item in self._items(supplier, version):
                batch.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
                deleted += 1
        return deleted

    def publish(self, supplier: str, version: str) -> bool:
        """Let a version hold; return False when it does already."""
        return self._update(
            _current(supplier),
            # The one that holds becomes the one before.
            "SET previous = if_not_exists(version, :none), version = :version",
            "attribute_not_exists(version) OR version <> :version",
            {":version": version, ":none": ""},
        )

    def withdraw(self, supplier: str, version: str) -> bool:
        """Let the version before hold again; return False when this one does not hold."""
        previous = self.current(supplier).get("previous")
        if not previous:
            return self._delete(_current(supplier), "version = :version", {":version": version})
        return self._update(
            _current(supplier),
            "SET version = :previous REMOVE previous",
            "version = :version",
            {":version": version, ":previous": previous},
        )

    def load_tills(self, supplier: str, version: str) -> bool:
        """Let the tills show a version; return False when they do already."""
        return self._update(
            _tills(supplier),
            "SET version = :version",
            "attribute_not_exists(version) OR version <> :version",
            {":version": version},
        )

    def restore_tills(self, supplier: str, version: str) -> bool:
        """Let the tills show the version before; return False when they do not show this one."""
        current = self.current(supplier)
        before = current.get("previous") if current.get("version") == version else current.get("version")
        if not before:
            return self._delete(_tills(supplier), "version = :version", {":version": version})
        return self._update(
            _tills(supplier),
            "SET version = :before",
            "version = :version",
            {":version": version, ":before": before},
        )

    def _items(self, supplier: str, version: str) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {"KeyConditionExpression": Key("pk").eq(f"VERSION#{supplier}/{version}")}
        while True:
            answer = self._table.query(**request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _update(self, key: dict[str, str], update: str, condition: str, values: dict[str, Any]) -> bool:
        return _held(
            lambda: self._table.update_item(
                Key=key,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        )

    def _delete(self, key: dict[str, str], condition: str, values: dict[str, Any]) -> bool:
        return _held(
            lambda: self._table.delete_item(Key=key, ConditionExpression=condition, ExpressionAttributeValues=values)
        )


def _held(write: Any) -> bool:
    """Write, and return whether the condition held."""
    try:
        write()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _current(supplier: str) -> dict[str, str]:
    return {"pk": f"CURRENT#{supplier}", "sk": _LIST}


def _tills(supplier: str) -> dict[str, str]:
    return {"pk": f"TILLS#{supplier}", "sk": _LIST}


def _price(supplier: str, version: str, sku: str) -> dict[str, str]:
    return {"pk": f"VERSION#{supplier}/{version}", "sk": f"SKU#{sku}"}
