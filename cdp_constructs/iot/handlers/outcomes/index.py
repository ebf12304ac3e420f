"""Records how commands end: with the device's response, or with a time-out.

Messages are ``{"session", "thing", "status", "result"?, "reason"?}``. Those of devices come from the rule, which takes
``thing`` and ``context`` from the topic, so that a device can only end its own sessions; ``timed_out`` comes from the
function that began the session. The first end counts; a response after the time-out is recorded as ``late``.
"""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from pydantic_core import from_json

logger = Logger()
tracer = Tracer()
metrics = Metrics()
metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
processor = BatchProcessor(event_type=EventType.SQS)
table = boto3.resource("dynamodb").Table(os.environ["SESSIONS"])

STATUSES = {"succeeded", "failed", "rejected", "expired"}
LONGEST_REASON = 1024


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch of messages; those that fail are delivered again."""
    return process_partial_response(event=event, record_handler=record_outcome, processor=processor, context=context)


def record_outcome(record: SQSRecord) -> None:
    """End a session that is pending.

    Raises:
        KeyError, ValueError: the message is not one of the above; after five tries it is in the dead-letter queue.
    """
    message = from_json(record.body, allow_inf_nan=False)
    session, thing, status = message["session"], message["thing"], message["status"]
    timed_out = status == "timed_out" and "context" not in message
    if not timed_out and status not in STATUSES:
        logger.warning("A device responded with an unknown status", session=session, thing=thing, status=status)
        status = "failed"
    values: dict[str, Any] = {":status": status}
    update = "SET #status = :status"
    if "result" in message:
        update += ", #result = :result"
        values[":result"] = json.dumps(message["result"])
    if "reason" in message:
        update += ", reason = :reason"
        values[":reason"] = str(message["reason"])[:LONGEST_REASON]
    names = {"#status": "status", **({"#result": "result"} if "result" in message else {})}
    try:
        table.update_item(
            Key={"session": str(session)},
            UpdateExpression=update,
            ConditionExpression=Attr("status").eq("pending") & Attr("thing").eq(thing),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        if not timed_out:
            note_late(str(session), thing)
        return
    if timed_out:
        logger.warning("Timed out", session=session, thing=thing)
        metrics.add_metric(name="TimedOutCommands", unit=MetricUnit.Count, value=1)


def note_late(session: str, thing: str) -> None:
    """Record that a device responded after the time-out; a response to a broadcast has no session and is ignored."""
    try:
        table.update_item(
            Key={"session": session},
            UpdateExpression="SET late = :yes",
            ConditionExpression=Attr("status").eq("timed_out") & Attr("thing").eq(thing),
            ExpressionAttributeValues={":yes": True},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        logger.info("No session waits for this response", session=session, thing=thing)
