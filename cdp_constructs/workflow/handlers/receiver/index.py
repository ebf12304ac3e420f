"""Answers the sender of a webhook: verifies the delivery, keeps its raw input, and queues it once.

The answer is 202 when this call queued the delivery, 200 when an earlier one did, 401 for a wrong signature, 413 for
more than 256 KB, and 503 while the same delivery is being worked on by another call. Any other failure is 5xx: nothing
was queued, or it may have been, and the sender sends it again.

Where the signature does not cover the id, an earlier delivery with the same body counts as the same, whatever its id.
"""

import base64
import json
import time
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from correlation import TRACEPARENT, about, started, valid

from . import records, storage
from .environment import Environment
from .rules import RejectedError, as_bytes, group_of, text_of, verify

logger = Logger()
metrics = Metrics()
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
# One for each configuration: a persistence layer keeps the first that it gets.
deliveries, bodies = (
    DynamoDBPersistenceLayer(table_name=environment.table, boto3_client=storage.dynamodb) for _ in range(2)
)
by_id, by_body = (
    IdempotencyConfig(event_key_jmespath=key, expires_after_seconds=environment.remembered_seconds)
    for key in ("id", "body_sha256")
)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of an HTTP API (payload format 2.0)."""
    for config in (by_id, by_body):
        config.register_lambda_context(context)
    # What is kept is read again, and half a surrogate pair is no text of JSON.
    headers = {
        as_bytes(name.lower()).decode(errors="backslashreplace"): as_bytes(value).decode(errors="backslashreplace")
        for name, value in event.get("headers", {}).items()
    }
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body) if event.get("isBase64Encoded") else as_bytes(body)
    except ValueError:
        return _answer(HTTPStatus.BAD_REQUEST, "the body is no base64")
    address = (event.get("pathParameters") or {}).get("secret", "")
    source_ip = event.get("requestContext", {}).get("http", {}).get("sourceIp")
    traceparent = valid(headers.get(TRACEPARENT)) or started()
    with about(logger, traceparent):
        delivery = records.arrival(environment.sender, source_ip, headers, raw) | {TRACEPARENT: traceparent}
        try:
            return receive(delivery, headers, raw, address_secret=address)
        except Exception:
            logger.exception("Failed; the sender sends it again", delivery=delivery["id"])
            raise


def receive(delivery: dict[str, Any], headers: dict[str, str], raw: bytes, *, address_secret: str) -> dict[str, Any]:
    """Verify and queue a delivery, and return the answer."""
    try:
        secrets = storage.secrets(environment)
        verify(environment.sender, headers, raw, secrets, now=time.time(), address_secret=address_secret)
        delivery |= records.accepted(environment.sender, headers, text_of(raw))
    except RejectedError as rejection:
        return refuse(delivery | records.refused(environment.sender, headers, raw), rejection)
    try:
        first = queue_once(delivery=delivery)
    except IdempotencyAlreadyInProgressError:
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "the same delivery is being queued; send it again")
    if first["receipt"] != delivery["receipt"]:
        logger.info("Delivery was queued before", delivery=delivery["id"])
        return _answer(HTTPStatus.OK, delivery["id"])
    logger.info("Delivery queued", delivery=delivery["id"])
    metrics.add_metric(name="AcceptedDeliveries", unit=MetricUnit.Count, value=1)
    return _answer(HTTPStatus.ACCEPTED, delivery["id"])


@idempotent_function(  # type: ignore[untyped-decorator]  # Powertools gives this one no types
    data_keyword_argument="delivery", persistence_store=deliveries, config=by_id
)
def queue_once(*, delivery: dict[str, Any]) -> dict[str, str]:
    """Keep the raw input and queue the delivery; for a delivery that was queued before, return what was returned then.

    A call that fails is forgotten, so that the same delivery can be sent again.
    """
    if not environment.sender.equal_bodies_are_replays:
        return keep_and_queue(delivery)
    first: dict[str, str] = queue_body_once(delivery=delivery)
    if first["receipt"] != delivery["receipt"]:
        logger.warning("Body was delivered before under another id", delivery=delivery["id"])
    return first


@idempotent_function(  # type: ignore[untyped-decorator]  # see above
    data_keyword_argument="delivery", persistence_store=bodies, config=by_body
)
def queue_body_once(*, delivery: dict[str, Any]) -> dict[str, str]:
    """Do the same for a body: the signature covers nothing else, so under another id it may be a replay."""
    return keep_and_queue(delivery)


def keep_and_queue(delivery: dict[str, Any]) -> dict[str, str]:
    """Keep the raw input, queue the delivery, and return what tells this call from others."""
    group = group_of(environment.sender, delivery["body"])
    if environment.sender.group_by and group is None:
        logger.warning("Nothing to group by", delivery=delivery["id"], pointer=environment.sender.group_by)
    key = storage.keep(environment, environment.accepted_prefix, delivery)
    storage.queue(environment, delivery, key=key, group=group)
    return {"receipt": delivery["receipt"]}


def refuse(delivery: dict[str, Any], rejection: RejectedError) -> dict[str, Any]:
    """Keep the beginning of what was refused for inspection, and answer no more than that it was."""
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
