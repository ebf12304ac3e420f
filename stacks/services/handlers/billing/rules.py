"""Billing: captures a payment, and gives it back when the order cannot be shipped."""

from typing import Any

from ..contracts.events import (
    Data,
    OrderPlaced,
    PaymentCaptured,
    PaymentRefunded,
    PaymentRefused,
    ShipmentRefused,
)
from ..contracts.working import Decision, Rule

__all__ = ["CREDIT", "RULES"]

CREDIT = 100_000
"""In cents: what a customer may order at a time."""


def _payment(order: str, total: int, status: str) -> dict[str, Any]:
    item = {"pk": f"PAYMENT#{order}", "sk": "PAYMENT", "total": total, "status": status}
    return {"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


def _capture(placed: OrderPlaced) -> Decision:
    order, total = placed.order, placed.total
    if total > CREDIT:
        refused = PaymentRefused(order=order, reason=f"more than {CREDIT} at a time")
        return Decision((_payment(order, total, "refused"),), refused)
    captured = PaymentCaptured(order=order, sku=placed.sku, quantity=placed.quantity, total=total)
    return Decision((_payment(order, total, "captured"),), captured)


def _refund(refused: ShipmentRefused) -> Decision:
    change = {
        "Update": {
            "Key": {"pk": f"PAYMENT#{refused.order}", "sk": "PAYMENT"},
            "UpdateExpression": "SET #status = :refunded",
            "ConditionExpression": "#status = :captured",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":refunded": "refunded", ":captured": "captured"},
        }
    }
    return Decision((change,), PaymentRefunded(order=refused.order, reason=refused.reason))


RULES: dict[type[Data], Rule] = {OrderPlaced: _capture, ShipmentRefused: _refund}
