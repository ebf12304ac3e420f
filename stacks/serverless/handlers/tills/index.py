"""Hands the prices of a list to the tills, or gives them back what they had."""

from typing import Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from claim_check import connect as connect_payloads

from ..pricing.prices import connect
from ..pricing.rows import Row, Supplier, Version
from ..pricing.steps import step

logger = Logger()
payloads = connect_payloads()
prices = connect()

MOST_CENTS = 999_999
"""The display of a till has six digits."""


class PriceRefusedError(Exception):
    """A price that no till can show; another try does not change that."""


class Request(BaseModel):
    """What the step is told."""

    action: Literal["load", "restore"]
    supplier: Supplier
    version: Version
    rows: list[Row] = []


@step(logger)
@payloads.by_reference
def handler(event: Any, _context: LambdaContext) -> dict[str, bool]:
    """Do it, once: a second time changes nothing.

    Raises:
        PriceRefusedError: for a price that no till can show.
    """
    request = Request.model_validate(event)
    if request.action == "restore":
        return {"changed": prices.restore_tills(request.supplier, request.version)}
    high = [row.sku for row in request.rows if row.cents > MOST_CENTS]
    if high:
        raise PriceRefusedError(f"{len(high)} prices have more than six digits, such as that of {high[0]}")
    return {"changed": prices.load_tills(request.supplier, request.version)}
