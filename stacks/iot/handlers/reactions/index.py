"""Switches something at a device while a threshold is crossed, such as a humidifier while the air is too dry.

An alert only says where to look. What is desired is taken from the latest state of the thing, so that alerts may come
twice, late and in any order.
"""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from correlation import correlated
from telemetry_view import SpeedView

from .shadows import Shadows

logger = Logger()
processor = BatchProcessor(
    event_type=EventType.SQS,
    raise_on_entire_batch_failure=False,
    logger=logger,  # type: ignore[arg-type]  # stands for one
)
speed = SpeedView.connect()
shadows = Shadows(boto3.client("iot-data"))
SWITCHES: dict[str, str] = json.loads(os.environ["SWITCHES"])


class Alert(BaseModel):
    """What is read of an alert of the speed layer."""

    thing: str
    threshold: str


@correlated(logger)
def react(record: SQSRecord) -> None:
    """Let the shadow of the alert's thing desire what the latest state of the thing asks for."""
    logger.append_keys(message_id=record.message_id)
    alert = Alert.model_validate_json(record.body)
    switch = SWITCHES[alert.threshold]

    def desired() -> dict[str, bool]:
        latest = speed.latest(alert.thing, consistent=True)
        return {switch: latest is not None and alert.threshold in latest.crossed}

    changed = shadows.desire(alert.thing, desired)
    logger.info("switched" if changed else "no change", thing=alert.thing, threshold=alert.threshold, switch=switch)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """React to a batch of alerts; only those that failed are delivered again."""
    return process_partial_response(event=event, record_handler=react, processor=processor, context=context)
