"""Compares a bucket with its index, in both directions, and repairs what events missed."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from ..storage_index.environment import Environment
from ..storage_index.items import Items
from ..storage_index.objects import Objects
from .comparison import PARALLEL_REQUESTS, Comparison

logger = Logger()
metrics = Metrics()

STOP_BEFORE_MS = 60_000
CALLS = Config(max_pool_connections=PARALLEL_REQUESTS)
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
comparison = Comparison(
    Objects(boto3.client("s3", config=CALLS), environment.bucket, environment.prefix, environment.owner_metadata),
    Items(boto3.resource("dynamodb", config=CALLS), environment.table_name),
)


class NotComparedError(Exception):
    """The run is over, and could not compare some objects: it ends in the dead-letter queue unless a retry can."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int | bool]:
    """Reconcile until the time is used up; the next run continues from there.

    Args:
        event: ``{"grace_seconds": 900}``: objects that changed within this time are left to their events.
        context: Knows how much time remains.

    Raises:
        NotComparedError: when there were objects that could not be compared; all others are, and are not again.
    """
    result = comparison.run(
        event["grace_seconds"], may_go_on=lambda: context.get_remaining_time_in_millis() > STOP_BEFORE_MS
    )
    for name, value in (("ComparedObjects", result.compared), ("RepairedObjects", result.repaired)):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    logger.info("Reconciled", compared=result.compared, repaired=result.repaired, finished=result.finished)
    if result.failed:
        raise NotComparedError(f"{result.failed} objects; the log has their keys")
    return {"compared": result.compared, "repaired": result.repaired, "finished": result.finished}
