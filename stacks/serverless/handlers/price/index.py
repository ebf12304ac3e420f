"""Answers what one article of a basket costs, by the prices that hold."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field, ValidationError

from ..pricing.prices import connect
from ..pricing.rows import Supplier

logger = Logger()
prices = connect()

REBATE_FROM, REBATE_PERCENT = 10, 5


class Line(BaseModel):
    """An article of a basket."""

    sku: str = Field(pattern="^[A-Za-z0-9._-]{1,40}$")
    quantity: int = Field(ge=1, le=10_000)


class Request(BaseModel):
    """What the step is told."""

    supplier: Supplier
    line: Any


@logger.inject_lambda_context
def handler(event: Any, _context: LambdaContext) -> dict[str, Any]:
    """Answer the price; an article that nobody has, or a line that is none, costs nothing and is said to be unknown."""
    request = Request.model_validate(event)
    try:
        line = Line.model_validate(request.line)
    except ValidationError as error:
        fields = sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]} & set(Line.model_fields))
        return {"known": False, "total": 0, "wrong": ", ".join(fields) or "all of it"}
    version = prices.current(request.supplier).get("version")
    cents = prices.cents(request.supplier, version, line.sku) if version else None
    return {
        "sku": line.sku,
        "quantity": line.quantity,
        "known": cents is not None,
        "total": total(cents, line.quantity),
    }


def total(cents: int | None, quantity: int) -> int:
    """Return what so many cost: from ten on five percent less."""
    full = (cents or 0) * quantity
    return full - full * REBATE_PERCENT // 100 if quantity >= REBATE_FROM else full
