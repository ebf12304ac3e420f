"""Reads a price list: rows that are none are left out and named, the others go on by reference."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from claim_check import connect

from ..pricing.rows import PriceList, Version, divided

logger = Logger()
payloads = connect()
_SHOWN = 10


class Request(BaseModel):
    """What the step is told."""

    version: Version
    list: PriceList


@logger.inject_lambda_context
def handler(event: Any, _context: LambdaContext) -> dict[str, Any]:
    """Read a list.

    Raises:
        ValidationError: for what is no list.
        NoRowError: for a list without a row that can be read.
    """
    # By hand, as the rows are referred to however few they are: each part of the map gets the reference.
    request = Request.model_validate(payloads.load(event))
    rows, wrong = request.list.read()
    logger.info("Read", version=request.version, supplier=request.list.supplier, rows=len(rows), wrong=len(wrong))
    return {
        "supplier": request.list.supplier,
        "version": request.version,
        "rows": payloads.put([row.model_dump() for row in rows]),
        "count": len(rows),
        "wrong": {"count": len(wrong), "first": wrong[:_SHOWN]},
        "parts": divided(len(rows)),
    }
