"""Adds what arrived in the warehouse to the stock, each delivery once."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from transactional_outbox import Outbox, connect

logger = Logger()
outbox = Outbox(connect())


class Request(BaseModel):
    """What the warehouse sends."""

    model_config = ConfigDict(extra="forbid")

    delivery: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")
    sku: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")
    quantity: int = Field(ge=1, le=1_000_000)


@logger.inject_lambda_context
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer whether the delivery is new, or what is wrong about the request."""
    del context
    try:
        request = Request.model_validate(event)
    except ValidationError as error:
        return {"error": error.errors(include_url=False, include_input=False, include_context=False)}
    change = {
        "Update": {
            "Key": {"pk": f"STOCK#{request.sku}", "sk": "STOCK"},
            "UpdateExpression": "ADD #left :quantity",
            "ExpressionAttributeNames": {"#left": "left"},
            "ExpressionAttributeValues": {":quantity": request.quantity},
        }
    }
    return {"new": outbox.write([change], handled=f"delivery/{request.delivery}")}
