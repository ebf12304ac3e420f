"""Answers the sender of a webhook: verifies the delivery, keeps its raw input, and queues it once.

The answer is 202 when this call queued the delivery, 200 when an earlier one did, 401 for a wrong signature, 413 for
more than 256 KB, and 503 while the same delivery is being worked on by another call. Any other failure is 5xx: nothing
was queued, or it may have been, and the sender sends it again.
"""

import base64
import json
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from . import storage
from .environment import Environment
from .rules import LARGEST_BODY, RejectedError, delivery_id, group_of, verify

logger = Logger()
tracer = Tracer()
metrics = Metrics()
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
config = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=environment.remembered_seconds)
deliveries = DynamoDBPersistenceLayer(table_name=environment.table)

# Keys to other systems have no place in what is kept for inspection.
NOT_KEPT = {"authorization", "cookie", "x-api-key"}


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of an HTTP API (payload format 2.0)."""
    config.register_lambda_context(context)
    headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    delivery = {
        "id": delivery_id(environment.sender, headers, raw),
        "receipt": uuid4().hex,
        "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "source_ip": event.get("requestContext", {}).get("http", {}).get("sourceIp"),
        "headers": {name: value for name, value in headers.items() if name not in NOT_KEPT},
        # Text as it is; what is not UTF-8 cannot be JSON either, and is kept readably.
        "body": raw[:LARGEST_BODY].decode(errors="backslashreplace"),
    }
    try:
        verify(environment.sender, headers, raw, storage.secrets(environment), now=time.time())
    except RejectedError as rejection:
        return refuse(delivery, rejection)
    try:
        first = queue_once(delivery=delivery)
    except IdempotencyAlreadyInProgressError:
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "the same delivery is being queued; send it again")
    if first["receipt"] != delivery["receipt"]:
        logger.info("Delivery was queued before", delivery=delivery["id"])
        return _answer(HTTPStatus.OK, delivery["id"])
    metrics.add_metric(name="AcceptedDeliveries", unit=MetricUnit.Count, value=1)
    return _answer(HTTPStatus.ACCEPTED, delivery["id"])


@idempotent_function(  # type: ignore[untyped-decorator]  # Powertools gives this one no types
    data_keyword_argument="delivery", persistence_store=deliveries, config=config
)
def queue_once(*, delivery: dict[str, Any]) -> dict[str, str]:
    """Keep the raw input and queue the delivery; for a delivery that was queued before, return what was returned then.

    A call that fails is forgotten, so that the same delivery can be sent again.
    """
    group = group_of(environment.sender, delivery["body"])
    if environment.sender.group_by and group is None:
        logger.warning("Nothing to group by", delivery=delivery["id"], pointer=environment.sender.group_by)
    key = storage.keep(environment, environment.accepted_prefix, delivery)
    storage.queue(environment, delivery, key=key, group=group)
    return {"receipt": delivery["receipt"]}


def refuse(delivery: dict[str, Any], rejection: RejectedError) -> dict[str, Any]:
    """Keep what was refused for inspection, and answer no more than that it was."""
    reason = str(rejection)
    try:
        key = storage.keep(environment, environment.rejected_prefix, {**delivery, "reason": reason})
    except ClientError:
        # The sender's answer does not depend on it, and what is refused need not be kept.
        logger.exception("Refused delivery could not be kept")
        key = None
    logger.warning("Refused", delivery=delivery["id"], reason=reason, key=key)
    metrics.add_metric(name="RejectedDeliveries", unit=MetricUnit.Count, value=1)
    metrics.add_metadata("reason", reason)
    return _answer(rejection.status, "refused")


def _answer(status: HTTPStatus, text: str) -> dict[str, Any]:
    name = "delivery" if status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} else "message"
    headers = {"content-type": "application/json"}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = "1"
    return {"statusCode": status.value, "headers": headers, "body": json.dumps({name: text})}
