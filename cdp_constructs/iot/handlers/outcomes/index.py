"""Records how commands end: with the device's response, or with a time-out.

The first end counts; a response after the time-out is recorded as ``late``. A response that cannot be read is counted
and dropped: trying it again would not help, and its session ends as timed out.
"""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from correlation import about, correlated, started

from .messages import MalformedResponseError, Outcome

logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
table = boto3.resource("dynamodb").Table(os.environ["SESSIONS"])

LONGEST_SHOWN = 200


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch of messages; those that fail are delivered again."""
    return process_partial_response(event=event, record_handler=record_outcome, processor=processor, context=context)


@correlated(logger)
def record_outcome(record: SQSRecord) -> None:
    """End a session that is pending.

    Raises:
        KeyError: the message is neither a device's nor a time-out; after five tries it is in the dead-letter queue.
    """
    try:
        outcome = Outcome.read(record.body)
    except MalformedResponseError as error:
        # What a device sent is not for the log.
        logger.warning("Rejected", reason=str(error)[:LONGEST_SHOWN], size=len(record.body))
        metrics.add_metric(name="RejectedResponses", unit=MetricUnit.Count, value=1)
        return
    # Without a traceparent the session is the id of the command on its way to the device and back.
    with about(logger, outcome.traceparent or started(outcome.session.replace("-", ""))):
        record_end(outcome)


def record_end(outcome: Outcome) -> None:
    """Record the end of a session, or that a response came too late."""
    if end(outcome):
        logger.info("Session ended", session=outcome.session, thing=outcome.thing, status=outcome.status)
        if outcome.timed_out:
            logger.warning("Timed out", session=outcome.session, thing=outcome.thing)
            metrics.add_metric(name="TimedOutCommands", unit=MetricUnit.Count, value=1)
    elif not outcome.timed_out:
        note_late(outcome.session, outcome.thing)


def end(outcome: Outcome) -> bool:
    """Record the end of a session; return False when the session had ended, or is not one of the thing's."""
    values: dict[str, Any] = {":status": outcome.status}
    names, update = {"#status": "status"}, "SET #status = :status"
    if outcome.result is not None:
        update += ", #result = :result"
        names["#result"] = "result"
        values[":result"] = outcome.result
    if outcome.reason is not None:
        update += ", reason = :reason"
        values[":reason"] = outcome.reason
    try:
        table.update_item(
            Key={"session": outcome.session},
            UpdateExpression=update,
            ConditionExpression=Attr("status").eq("pending") & Attr("thing").eq(outcome.thing),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


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
