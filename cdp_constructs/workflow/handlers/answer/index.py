"""Takes a person's decision to the execution that waits for it.

``{"id": "order-7.Approve", "decision": "approve", "by": "Kim", "comment": "…"}``. ``reject`` fails the step with the
error ``Rejected``, ``extend`` makes it wait once more as long as it does. The answer is ``{"status": "taken"}``;
``closed`` when it expired or somebody was faster, ``unknown`` when nothing with this id waits, and ``{"error": "…"}``
for a request that cannot be read.
"""

import json
import os
from typing import Any, Literal

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
states = boto3.client("stepfunctions")

# What Step Functions answers for a token of a step that ended.
CLOSED = {"TaskDoesNotExist", "TaskTimedOut"}


class Decision(BaseModel):
    """What a person decided."""

    model_config = ConfigDict(extra="forbid")

    # A key of DynamoDB has 2,048 bytes.
    id: str = Field(min_length=1, max_length=512)
    decision: Literal["approve", "reject", "extend"]
    by: str = Field(min_length=1, max_length=256)
    comment: str = Field(default="", max_length=2048)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: Any, _context: LambdaContext) -> dict[str, str]:
    """Take one decision."""
    try:
        decision = Decision.model_validate(event)
    except ValidationError as error:
        return {"error": "; ".join(f"{_field(one['loc'])}: {one['msg']}" for one in error.errors())}
    item = table.get_item(Key={"id": decision.id}, ConsistentRead=True).get("Item")
    status = "unknown" if item is None else deliver(decision, str(item["token"]))
    logger.info("Decided", id=decision.id, decision=decision.decision, status=status)
    metrics.add_metric(name=f"{status.capitalize()}Decisions", unit=MetricUnit.Count, value=1)
    return {"status": status}


def _field(place: tuple[int | str, ...]) -> str:
    """Return the field that is wrong; what a caller made up is not repeated."""
    return str(place[0]) if place and place[0] in Decision.model_fields else "event"


def deliver(decision: Decision, token: str) -> str:
    """Tell Step Functions, which takes one decision for a token and no other; then forget the token."""
    try:
        if decision.decision == "extend":
            states.send_task_heartbeat(taskToken=token)
            return "taken"
        tell(decision, token)
        status = "taken"
    except ClientError as error:
        if error.response["Error"]["Code"] not in CLOSED:
            raise
        status = "closed"
    forget(decision.id, token)
    return status


def tell(decision: Decision, token: str) -> None:
    """Let the step succeed, or fail."""
    if decision.decision == "approve":
        output = json.dumps({"by": decision.by, "comment": decision.comment})
        states.send_task_success(taskToken=token, output=output)
    else:
        cause = f"{decision.by}: {decision.comment}"
        states.send_task_failure(taskToken=token, error="Rejected", cause=cause)


def forget(key: str, token: str) -> None:
    """Delete the token, unless the step has asked again meanwhile."""
    try:
        table.delete_item(
            Key={"id": key},
            ConditionExpression="#token = :token",
            ExpressionAttributeNames={"#token": "token"},
            ExpressionAttributeValues={":token": token},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
