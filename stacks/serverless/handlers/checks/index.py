"""Looks at a list as a whole: how its prices compare with those that hold, and whether its names are in order."""

from collections import Counter
from typing import Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from claim_check import connect as connect_payloads

from ..pricing.prices import connect
from ..pricing.rows import Row, Supplier
from ..pricing.steps import step

logger = Logger()
payloads = connect_payloads()
prices = connect()

ALLOWED_PERCENT = 10
"""Prices that rise more need a person's consent."""


class Request(BaseModel):
    """What the step is told."""

    check: Literal["prices", "names"]
    supplier: Supplier
    rows: list[Row]


@step(logger)
@payloads.by_reference
def handler(event: Any, _context: LambdaContext) -> dict[str, int]:
    """Make one of the checks."""
    request = Request.model_validate(event)
    return compare(request) if request.check == "prices" else look_at_names(request)


def compare(request: Request) -> dict[str, int]:
    """Count the prices that rise more than is allowed, and say how much the largest rise is in percent."""
    version = prices.current(request.supplier).get("version")
    before = dict(prices.of_version(request.supplier, version)) if version else {}
    rises = [
        (row.cents - before[row.sku]) * 100 // before[row.sku]
        for row in request.rows
        if row.sku in before and row.cents * 100 > before[row.sku] * (100 + ALLOWED_PERCENT)
    ]
    return {"known": len(before), "rises": len(rises), "largest_percent": max(rises, default=0)}


def look_at_names(request: Request) -> dict[str, int]:
    """Count the articles that share their name with another one."""
    names = Counter(" ".join(row.name.casefold().split()) for row in request.rows)
    return {"shared": sum(count for count in names.values() if count > 1)}
