"""The allow-list: an item for each device, by serial number."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

if TYPE_CHECKING:
    from boto3.dynamodb.conditions import ConditionBase
    from mypy_boto3_dynamodb.service_resource import Table


class AllowList:
    """What the list says about devices and their certificates."""

    def __init__(self, table: "Table") -> None:
        """Use a table with the partition key ``serial_number``."""
        self._table = table

    def get(self, serial_number: str) -> dict[str, Any]:
        """Return the item of a device; it is empty for a device that is not on the list."""
        # A key cannot be empty, and no serial number is a question mark.
        answer = self._table.get_item(Key={"serial_number": serial_number or "?"}, ConsistentRead=True)
        return dict(answer.get("Item", {}))

    def activate(self, serial_number: str, certificate_id: str, *, only_if_newest: bool) -> None:
        """Record the certificate that a device uses.

        Raises:
            ClientError: when the device is blocked, or ``only_if_newest`` and another certificate was issued meanwhile.
                The message is delivered again, and is then judged by what is true.
        """
        condition: ConditionBase = Attr("status").ne("blocked")
        if only_if_newest:
            condition = Attr("next_certificate_id").eq(certificate_id) & condition
        self._table.update_item(
            Key={"serial_number": serial_number},
            UpdateExpression=(
                "SET #status = :active, certificate_id = :certificate, next_certificate_id = :certificate, "
                "changed_at = :now ADD certificates :certificates"
            ),
            ConditionExpression=condition,
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":active": "active",
                ":certificate": certificate_id,
                ":certificates": {certificate_id},
                ":now": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )

    def forget(self, serial_number: str, certificate_ids: set[str]) -> None:
        """Remove certificates that are retired."""
        self._table.update_item(
            Key={"serial_number": serial_number},
            UpdateExpression="DELETE certificates :retired",
            ExpressionAttributeValues={":retired": certificate_ids},
        )
