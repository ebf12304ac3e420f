"""The steps of an order, by the name that the workflow gives; what an order tells to fail fails."""

from typing import Any


class OutOfStockError(Exception):
    """There is nothing to reserve; another try does not change that."""


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Do one step."""
    step, order = event["step"], event["order"]
    if step == "reserve" and order.get("quantity", 1) > 100:  # noqa: PLR2004 - what is in stock
        raise OutOfStockError(f"{order['number']}: only 100 in stock")
    return {"step": step, "number": order["number"]}
