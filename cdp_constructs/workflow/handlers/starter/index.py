"""Starts an execution of a workflow for each message of a queue; only the messages that failed are delivered again.

The id of the message is the name of the execution: of a Standard workflow there is one for each message, however often
it is delivered. An input that is too large is put into the bucket of a claim check, where there is one.
"""

import hashlib
import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic_core import from_json

from correlation import TRACEPARENT, about, carried_by, correlated

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
states = boto3.client("stepfunctions", config=Config(retries={"mode": "standard", "max_attempts": 5}))
machine = os.environ["STATE_MACHINE"]
payloads = None
if "CLAIM_CHECK" in os.environ:
    # The module is there when the workflow has a claim check.
    import claim_check

    payloads = claim_check.connect()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Start executions for a batch of messages."""
    return process_partial_response(event=event, record_handler=start, processor=processor, context=context)


@correlated(logger)
def start(record: SQSRecord) -> None:
    """Start the execution of one message, unless it was started before.

    Raises:
        Exception: what is no JSON, or Step Functions did not take; the message is delivered again.
    """
    given = from_json(record.body, allow_inf_nan=False)
    if isinstance(given, dict):
        # The second delivery has the same input: Step Functions compares it while the execution runs.
        given.setdefault(TRACEPARENT, carried_by(record) or _traceparent_of(record.message_id))
    written = json.dumps(given if payloads is None else payloads.store(given), ensure_ascii=False)
    with about(logger, given.get(TRACEPARENT) if isinstance(given, dict) else None):
        try:
            execution = states.start_execution(stateMachineArn=machine, name=record.message_id, input=written)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            logger.info("Started before", execution=record.message_id)
        else:
            logger.info("Started", execution=execution["executionArn"])


def _traceparent_of(message_id: str) -> str:
    """Return what stands for a message that came without one."""
    digest = hashlib.sha256(message_id.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01"
