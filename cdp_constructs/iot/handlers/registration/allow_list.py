"""The allow-list, as far as the hook reads and writes it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from .rules import RefusedError, status_of

if TYPE_CHECKING:
    from boto3.dynamodb.conditions import ConditionBase
    from mypy_boto3_dynamodb.service_resource import Table


class AllowList:
    """A table with the partition key ``serial_number``.

    ``certificates`` are all that were issued and not retired; ``next_certificate_id`` is the newest; ``claimed_at`` is
    when the claim window began.
    """

    def __init__(self, table: "Table") -> None:
        """Use a table."""
        self._table = table

    def get(self, serial_number: str) -> dict[str, Any]:
        """Return the item of a device; it is empty for a device that is not on the list."""
        answer = self._table.get_item(Key={"serial_number": serial_number}, ConsistentRead=True)
        return dict(answer.get("Item", {}))

    def record(self, item: dict[str, Any], certificate_id: str, *, now: datetime) -> None:
        """Record the certificate that is issued, unless the item changed since it was read.

        Raises:
            RefusedError: for the second of two requests at once.
        """
        written = now.isoformat(timespec="seconds")
        started = item.get("claimed_at", item.get("changed_at", written)) if status_of(item) == "pending" else written
        try:
            self._table.update_item(
                Key={"serial_number": item["serial_number"]},
                UpdateExpression=(
                    "SET #status = :status, next_certificate_id = :certificate, claimed_at = :claimed, "
                    "changed_at = :now ADD certificates :certificates"
                ),
                ConditionExpression=_unchanged(item, "status") & _unchanged(item, "next_certificate_id"),
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":status": "active" if status_of(item) == "active" else "pending",
                    ":certificate": certificate_id,
                    ":claimed": started,
                    ":certificates": {certificate_id},
                    ":now": written,
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise RefusedError("its item changed meanwhile") from error


def _unchanged(item: dict[str, Any], name: str) -> "ConditionBase":
    return Attr(name).eq(item[name]) if name in item else Attr(name).not_exists()
