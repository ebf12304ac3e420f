"""Orders: an order is pending until the others did their part, and then confirmed or cancelled, once."""

from typing import Any

from ..contracts.events import (
    Data,
    OrderCancelled,
    OrderConfirmed,
    PaymentRefunded,
    PaymentRefused,
    ShipmentPrepared,
)
from ..contracts.working import Decision, Rule

__all__ = ["RULES"]


def _end(order: str, status: str) -> dict[str, Any]:
    """Return the change that ends an order that is pending."""
    return {
        "Update": {
            "Key": {"pk": f"ORDER#{order}", "sk": "ORDER"},
            "UpdateExpression": "SET #status = :status",
            "ConditionExpression": "#status = :pending",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":status": status, ":pending": "pending"},
        }
    }


def _confirm(shipped: ShipmentPrepared) -> Decision:
    return Decision((_end(shipped.order, "confirmed"),), OrderConfirmed(order=shipped.order))


def _cancel(failed: PaymentRefused | PaymentRefunded) -> Decision:
    return Decision((_end(failed.order, "cancelled"),), OrderCancelled(order=failed.order, reason=failed.reason))


RULES: dict[type[Data], Rule] = {
    ShipmentPrepared: _confirm,
    PaymentRefused: _cancel,
    PaymentRefunded: _cancel,
}
