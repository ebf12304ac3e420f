"""Compares the bucket of a site with its source, whole, and repairs what events missed."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from ..site_repair.edge import Edge
from ..site_repair.environment import Environment
from ..site_repair.objects import Outcome, Site
from ..site_repair.pause import Pause

PARALLEL_REQUESTS = 16
STOP_BEFORE_MS = 30_000

logger = Logger()
metrics = Metrics()
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
site = Site(
    boto3.client("s3", config=Config(max_pool_connections=PARALLEL_REQUESTS)),
    environment.bucket,
    environment.source_bucket,
    environment.encryption,
)
edge = Edge(boto3.client("cloudfront"), environment.distribution_id)
pause = Pause(boto3.client("ssm"), environment.pause_parameter, longest=timedelta(seconds=environment.longest_pause_s))


class SourceEmptyError(Exception):
    """The source has no object: the site would be deleted, and is left as it is."""


class NotComparedError(Exception):
    """Some objects could not be compared; all others are repaired."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int | bool]:
    """Compare all objects, unless repairs are paused.

    Raises:
        SourceEmptyError: when the source is empty and the site is not.
        NotComparedError: when objects failed, or the time was too short for all.
    """
    del event
    if ends_at := pause.ends_at():
        logger.info("Paused", until=ends_at.isoformat())
        return {"paused": True, "compared": 0, "repaired": 0}
    wanted, found = site.keys()
    if found and not wanted:
        raise SourceEmptyError(environment.source_bucket)
    keys = sorted(key for key in wanted | found if not key.startswith(environment.ignored_prefixes))
    repaired, failed = _heal(keys, context)
    edge.forget(repaired)
    for name, value in (("ComparedObjects", len(keys) - len(failed)), ("RepairedByCheck", len(repaired))):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    logger.info("Checked", compared=len(keys) - len(failed), repaired=len(repaired))
    if failed:
        raise NotComparedError(f"{len(failed)} of {len(keys)} objects, such as {failed[0]}")
    return {"paused": False, "compared": len(keys), "repaired": len(repaired)}


def _heal(keys: Iterable[str], context: LambdaContext) -> tuple[list[str], list[str]]:
    """Return what was repaired, and what was not compared."""

    def heal(key: str) -> Outcome | None:
        if context.get_remaining_time_in_millis() < STOP_BEFORE_MS:
            return None
        try:
            outcome = site.heal(key)
        except Exception:  # whatever it is, it is about this object
            logger.exception("An object was not compared", key=key)
            return None
        if outcome is not Outcome.EQUAL:
            logger.warning("Repaired", key=key, outcome=outcome.value)
        return outcome

    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        outcomes = dict(zip(keys, pool.map(heal, keys), strict=True))
    repaired = [key for key, outcome in outcomes.items() if outcome in {Outcome.RESTORED, Outcome.REMOVED}]
    return repaired, [key for key, outcome in outcomes.items() if outcome is None]
