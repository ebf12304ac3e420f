"""Writes one part of a list into the table, as a version that does not hold yet."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from claim_check import connect as connect_payloads

from ..pricing.prices import connect
from ..pricing.rows import Row, Supplier, Version
from ..pricing.steps import step

logger = Logger()
payloads = connect_payloads()
prices = connect()


class Part(BaseModel):
    """Which rows."""

    start: int = Field(alias="from", ge=0)
    until: int = Field(ge=1)


class Request(BaseModel):
    """What the step is told."""

    supplier: Supplier
    version: Version
    rows: list[Row]
    part: Part


@step(logger)
@payloads.by_reference
def handler(event: Any, _context: LambdaContext) -> int:
    """Write a part, and return how many rows it has."""
    request = Request.model_validate(event)
    rows = request.rows[request.part.start : request.part.until]
    prices.save(request.supplier, request.version, rows)
    logger.info("Saved", version=request.version, rows=len(rows))
    return len(rows)
