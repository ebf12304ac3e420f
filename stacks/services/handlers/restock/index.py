"""Adds what arrived in the warehouse to the stock, each delivery once."""

from typing import Any

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, Field

from transactional_outbox import Outbox, connect

from ..contracts.asking import each_request

logger = Logger()
outbox = Outbox(connect())


class Request(BaseModel):
    """What the warehouse sends."""

    model_config = ConfigDict(extra="forbid")

    delivery: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")
    sku: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")
    quantity: int = Field(ge=1, le=1_000_000)


def answer(request: Request) -> dict[str, Any]:
    """Answer whether the delivery is new."""
    change = {
        "Update": {
            "Key": {"pk": f"STOCK#{request.sku}", "sk": "STOCK"},
            "UpdateExpression": "ADD #left :quantity",
            "ExpressionAttributeNames": {"#left": "left"},
            "ExpressionAttributeValues": {":quantity": request.quantity},
        }
    }
    return {"new": outbox.write([change], handled=f"delivery/{request.delivery}")}


handler = each_request(Request, answer, logger)
