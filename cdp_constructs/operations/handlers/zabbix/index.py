"""Tells Zabbix the state of alarms: of each that changes, at once, and of all, when the schedule asks for it.

A change that Zabbix does not take is delivered again. A report that it does not take is counted, since the next one
says the same.
"""

import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from .alarms import read, report, value_of, watched
from .environment import Environment
from .sender import Sender

logger = Logger()
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
# In a network without a way to CloudWatch it must fail before the function's time is over, so that the log says why.
cloudwatch = boto3.client("cloudwatch", config=Config(connect_timeout=3, read_timeout=5, retries={"max_attempts": 1}))
zabbix = Sender(environment.address, environment.port)


class RefusedError(RuntimeError):
    """Zabbix has no item for an alarm, or takes nothing from here."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Tell of the changes in a batch of messages, or, without messages, of all alarms."""
    if "Records" in event:
        return process_partial_response(event=event, record_handler=tell, processor=processor, context=context)
    tell_all()
    return None


def tell(record: SQSRecord) -> None:
    """Tell of one alarm that changed.

    Raises:
        RefusedError: when Zabbix has not taken it.
        OSError: when Zabbix does not answer.
    """
    alarm = read(record.body)
    if zabbix.send([value_of(alarm, environment.host, clock=alarm.since)]):
        raise RefusedError(f"No item of host {environment.host} takes the state of {alarm.name} from here")
    logger.info("Zabbix knows", alarm=alarm.name, state=alarm.state)
    metrics.add_metric(name="SentChanges", unit=MetricUnit.Count, value=1)


def tell_all() -> None:
    """Tell of all alarms, and count whether Zabbix has taken it all."""
    alarms = list(watched(cloudwatch, environment.topic_arn))
    try:
        refused = zabbix.send(report(alarms, environment.host, now=int(time.time())))
    except OSError:
        logger.exception("Zabbix does not answer", address=environment.address)
        refused = None
    else:
        logger.info("Reported", alarms=len(alarms), refused=refused)
    # Also when it is 0: an alarm asks for it.
    metrics.add_metric(name="TakenReports", unit=MetricUnit.Count, value=int(refused == 0))
