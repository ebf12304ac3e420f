"""Makes the prices of a list hold, takes them back, or throws a list away that nobody wanted."""

from typing import Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from ..pricing.prices import connect
from ..pricing.rows import Supplier, Version
from ..pricing.steps import step

logger = Logger()
prices = connect()


class Request(BaseModel):
    """What the step is told."""

    action: Literal["publish", "withdraw", "discard"]
    supplier: Supplier
    version: Version


@step(logger)
def handler(event: Any, _context: LambdaContext) -> dict[str, Any]:
    """Do it, once: a second time changes nothing."""
    request = Request.model_validate(event)
    act = {"publish": prices.publish, "withdraw": prices.withdraw, "discard": prices.discard}[request.action]
    changed = act(request.supplier, request.version)
    logger.info("Done", action=request.action, version=request.version, changed=changed)
    return {"changed": changed}
