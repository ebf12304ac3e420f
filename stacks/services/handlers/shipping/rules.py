"""Shipping: takes the goods of a paid order from the stock, or says that there are not enough."""

from typing import Any

from ..contracts.events import Data, PaymentCaptured, ShipmentPrepared, ShipmentRefused
from ..contracts.working import Decision, Rule

__all__ = ["RULES"]


def _shipment(order: str, status: str) -> dict[str, Any]:
    item = {"pk": f"SHIPMENT#{order}", "sk": "SHIPMENT", "status": status}
    return {"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


def _prepare(paid: PaymentCaptured) -> Decision:
    take = {
        "Update": {
            "Key": {"pk": f"STOCK#{paid.sku}", "sk": "STOCK"},
            "UpdateExpression": "SET #left = #left - :quantity",
            "ConditionExpression": "#left >= :quantity",
            "ExpressionAttributeNames": {"#left": "left"},
            "ExpressionAttributeValues": {":quantity": paid.quantity},
        }
    }
    reason = "not enough in stock"
    return Decision(
        (take, _shipment(paid.order, "prepared")),
        ShipmentPrepared(order=paid.order),
        otherwise=Decision((_shipment(paid.order, "refused"),), ShipmentRefused(order=paid.order, reason=reason)),
    )


RULES: dict[type[Data], Rule] = {PaymentCaptured: _prepare}
