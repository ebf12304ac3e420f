"""Puts back what was changed, deleted or added in the bucket of a site, by S3's events.

An event says only that something happened to a key. Where CloudTrail records data events, its events say who it was.
"""

from datetime import timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from .edge import Edge
from .environment import Environment
from .objects import Outcome, Site
from .pause import Pause

_BY_CLOUDTRAIL = "AWS API Call via CloudTrail"

logger = Logger()
metrics = Metrics()
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
site = Site(boto3.client("s3"), environment.bucket, environment.source_bucket, environment.encryption)
edge = Edge(boto3.client("cloudfront"), environment.distribution_id)
pause = Pause(boto3.client("ssm"), environment.pause_parameter, longest=timedelta(seconds=environment.longest_pause_s))


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Work on a batch of events; those that fail are delivered again."""
    del context
    failed: list[str] = []
    changed: dict[str, str] = {}
    for item in event["Records"]:
        record = SQSRecord(item)
        try:
            key = _work_on(record)
        except Exception:  # whatever it is, it is about this event
            logger.exception("An event was not worked on")
            failed.append(record.message_id)
        else:
            if key is not None:
                changed[record.message_id] = key
    try:
        edge.forget(sorted(set(changed.values())))
    except Exception:  # they are forgotten with the next delivery
        logger.exception("CloudFront did not take an invalidation")
        failed += changed
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _work_on(record: SQSRecord) -> str | None:
    """Work on one event, and return the key that CloudFront has to forget; None where that is none."""
    event = from_json(record.body, allow_inf_nan=False)
    if event["detail-type"] == _BY_CLOUDTRAIL:
        _tell(event["detail"])
        return None
    key: str = event["detail"]["object"]["key"]
    if key.startswith(environment.ignored_prefixes):
        return None
    if ends_at := pause.ends_at():
        logger.info("Paused: the next check after the pause looks at it", key=key, until=ends_at.isoformat())
        return None
    outcome = site.heal(key)
    if outcome is Outcome.EQUAL:
        # A delivery that was tried before may have changed the object, and failed to make CloudFront forget it.
        return key if int(record.attributes.approximate_receive_count or 1) > 1 else None
    metrics.add_metric(name="RepairedObjects", unit=MetricUnit.Count, value=1)
    logger.warning(
        "Repaired",
        key=key,
        outcome=outcome.value,
        reason=event["detail"].get("reason"),
        account=event["detail"].get("requester"),
        address=event["detail"].get("source-ip-address"),
    )
    return key


def _tell(call: dict[str, Any]) -> None:
    """Log who changed the site, unless it is who does so by right."""
    identity = call.get("userIdentity") or {}
    issuer = ((identity.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
    if issuer in environment.own_roles:
        return
    metrics.add_metric(name="ForeignChanges", unit=MetricUnit.Count, value=1)
    logger.warning(
        "Changed by",
        principal=identity.get("arn") or identity.get("principalId"),
        operation=call.get("eventName"),
        key=(call.get("requestParameters") or {}).get("key"),
        address=call.get("sourceIPAddress"),
        agent=call.get("userAgent"),
        event_id=call.get("eventID"),
    )
