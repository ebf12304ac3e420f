"""Takes orders of a caller, up to 25 at once; the same order a second time changes nothing."""

from typing import Any

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, Field

from correlation import about, started, valid
from transactional_outbox import ConditionFailedError, Outbox, connect

from ..contracts.asking import each_request
from ..contracts.events import OrderPlaced
from ..contracts.working import outgoing

logger = Logger()
outbox = Outbox(connect())


class Request(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid")

    orders: list[OrderPlaced] = Field(min_length=1, max_length=25)
    traceparent: str | None = None


def answer(request: Request) -> dict[str, Any]:
    """Answer which orders were placed, and which were placed before."""
    traceparent = valid(request.traceparent) or started()
    placed = [order.order for order in request.orders if place(order, traceparent)]
    with about(logger, traceparent):
        logger.info("Orders placed", placed=len(placed), asked=len(request.orders))
    return {"placed": placed, "known": [order.order for order in request.orders if order.order not in placed]}


def place(order: OrderPlaced, traceparent: str) -> bool:
    """Write an order and the event that it was placed; return whether it is new."""
    item = {
        "pk": f"ORDER#{order.order}",
        "sk": "ORDER",
        "status": "pending",
        **order.model_dump(include={"customer", "sku", "quantity", "total", "note"}),
    }
    change = {"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}
    try:
        outbox.write([change], events=[outgoing(order, traceparent=traceparent)])
    except ConditionFailedError:
        return False
    return True


handler = each_request(Request, answer, logger)
