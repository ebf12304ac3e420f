"""Reads a price list: rows that are none are left out and named, the others go on by reference."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from claim_check import connect
from correlation import TRACEPARENT, about, started, valid

from ..pricing.rows import PriceList, Version, divided
from ..pricing.steps import step

logger = Logger()
payloads = connect()
_SHOWN = 10


class Request(BaseModel):
    """What the step is told."""

    version: Version
    list: PriceList


@step(logger)
def handler(event: Any, _context: LambdaContext) -> dict[str, Any]:
    """Read a list.

    Raises:
        ValidationError: for what is no list.
        NoRowError: for a list without a row that can be read.
    """
    # By hand, as the rows are referred to however few they are: each part of the map gets the reference.
    request = Request.model_validate(payloads.load(event))
    traceparent = valid(request.list.traceparent) or started()
    with about(logger, traceparent):
        rows, wrong = request.list.read()
        logger.info("Read", version=request.version, supplier=request.list.supplier, rows=len(rows), wrong=len(wrong))
    return {
        TRACEPARENT: traceparent,
        "supplier": request.list.supplier,
        "version": request.version,
        "rows": payloads.put([row.model_dump() for row in rows]),
        "count": len(rows),
        "wrong": {"count": len(wrong), "first": wrong[:_SHOWN]},
        "parts": divided(len(rows)),
    }
