"""Answers the sender of a webhook: verifies the delivery, keeps its raw input, and queues it once.

The answer is 202 when this call queued the delivery, 200 when an earlier one did, 401 for a wrong signature, 413 for
more than 256 KB, and 503 while the same delivery is being worked on by another call. Any other failure is 5xx: nothing
was queued, or it may have been, and the sender sends it again.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

logger = Logger()
tracer = Tracer()
s3 = boto3.client("s3")
sqs = boto3.client("sqs")
config = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=int(os.environ["REMEMBERED_SECONDS"]))
deliveries = DynamoDBPersistenceLayer(table_name=os.environ["TABLE"])

LARGEST_BODY = 256 * 1024
# What Standard Webhooks recommends: https://github.com/standard-webhooks/standard-webhooks
OLDEST_SECONDS = 300
# A secret that was just changed is asked for again after this time.
SECRET_SECONDS = 60
# Keys to other systems have no place in what is kept for inspection.
NOT_KEPT = {"authorization", "cookie", "x-api-key"}


class RejectedError(Exception):
    """The delivery is refused; the message is the reason."""

    def __init__(self, reason: str, status: HTTPStatus = HTTPStatus.UNAUTHORIZED) -> None:
        super().__init__(reason)
        self.status = status


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of an HTTP API (payload format 2.0)."""
    config.register_lambda_context(context)
    headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    delivery = {
        "id": delivery_id(headers, raw),
        "receipt": uuid4().hex,
        "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "source_ip": event.get("requestContext", {}).get("http", {}).get("sourceIp"),
        "headers": {name: value for name, value in headers.items() if name not in NOT_KEPT},
        # Text as it is; what is not UTF-8 cannot be JSON either, and is kept readably.
        "body": raw[:LARGEST_BODY].decode(errors="backslashreplace"),
    }
    try:
        verify(headers, raw)
    except RejectedError as rejection:
        return refuse(delivery, rejection)
    try:
        first = queue_once(delivery=delivery)
    except IdempotencyAlreadyInProgressError:
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "the same delivery is being queued; send it again")
    new = first["receipt"] == delivery["receipt"]
    if new:
        count("AcceptedDeliveries")
    else:
        logger.info("Delivery came again", delivery=delivery["id"])
    return _answer(HTTPStatus.ACCEPTED if new else HTTPStatus.OK, delivery["id"])


def delivery_id(headers: Mapping[str, str], raw: bytes) -> str:
    """Return the sender's id of the delivery; without one, equal bodies are one delivery."""
    given = headers.get(os.environ["DELIVERY_HEADER"]) if os.environ["DELIVERY_HEADER"] else None
    return given if given and len(given) <= 128 and given.isprintable() else hashlib.sha256(raw).hexdigest()  # noqa: PLR2004


def verify(headers: Mapping[str, str], raw: bytes) -> None:
    """Check size, time and signature.

    Raises:
        RejectedError: with what is wrong.
    """
    if len(raw) > LARGEST_BODY:
        raise RejectedError("body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    given = headers.get(os.environ["SIGNATURE_HEADER"], "")
    if not given:
        raise RejectedError("no-signature")
    standard = os.environ["SCHEME"] == "standard-webhooks"
    signed = raw
    if standard:
        moment = headers.get("webhook-timestamp", "")
        if not (moment.isascii() and moment.isdigit()) or abs(time.time() - int(moment)) > OLDEST_SECONDS:
            raise RejectedError("too-old")
        signed = b".".join((headers.get("webhook-id", "").encode(), moment.encode(), raw))
    for secret in secrets():
        mac = hmac.new(_key(secret) if standard else secret.encode(), signed, hashlib.sha256)
        expected = base64.b64encode(mac.digest()).decode() if standard else mac.hexdigest()
        # Standard Webhooks allows several signatures, while the sender changes its secret.
        if any(_equal(one, os.environ["SIGNATURE_PREFIX"] + expected) for one in given.split()):
            return
    raise RejectedError("wrong-signature")


def secrets() -> list[str]:
    """Return the shared secret, and while it is being changed the one before."""
    current: Any = parameters.get_secret(os.environ["SECRET"], max_age=SECRET_SECONDS)
    try:
        previous: Any = parameters.get_secret(os.environ["SECRET"], max_age=SECRET_SECONDS, VersionStage="AWSPREVIOUS")
    except parameters.GetParameterError:  # there was never another
        return [current]
    return [current, previous]


@idempotent_function(  # type: ignore[untyped-decorator]  # Powertools gives this one no types
    data_keyword_argument="delivery", persistence_store=deliveries, config=config
)
def queue_once(*, delivery: dict[str, Any]) -> dict[str, str]:
    """Keep the raw input and queue the delivery; for a delivery that was queued before, return what was returned then.

    A call that fails is forgotten, so that the same delivery can come again.
    """
    key = keep(delivery, "accepted")
    message = {name: delivery[name] for name in ("id", "received_at", "headers", "body")}
    sqs.send_message(
        QueueUrl=os.environ["QUEUE_URL"],
        MessageBody=json.dumps({**message, "key": key, "replay": None}),
        MessageGroupId=group_of(delivery),
        MessageDeduplicationId=_digest(delivery["id"]),
    )
    return {"receipt": delivery["receipt"]}


def keep(delivery: dict[str, Any], prefix: str) -> str:
    """Write the raw input below a prefix, in the order of arrival, and return its key."""
    moment = datetime.fromisoformat(delivery["received_at"])
    key = f"{prefix}/{moment:%Y/%m/%d/%H/%M%S}-{moment.microsecond // 1000:03}-{_digest(delivery['id'])[:32]}.json"
    s3.put_object(
        Bucket=os.environ["BUCKET"],
        Key=key,
        Body=json.dumps(delivery, ensure_ascii=False).encode(),
        ContentType="application/json",
    )
    return key


def refuse(delivery: dict[str, Any], rejection: RejectedError) -> dict[str, Any]:
    """Keep what was refused for inspection, and say no more than that it was."""
    reason = str(rejection)
    try:
        key = keep({**delivery, "reason": reason}, "rejected")
    except ClientError:
        # The sender's answer does not depend on it, and what is refused need not be kept.
        logger.exception("Refused delivery could not be kept")
        key = None
    logger.warning("Refused", delivery=delivery["id"], reason=reason, key=key)
    count("RejectedDeliveries", reason=reason)
    return _answer(rejection.status, "refused")


def group_of(delivery: dict[str, Any]) -> str:
    """Return what the delivery is about, so that such deliveries stay in order; by default each is its own group."""
    pointer = os.environ["GROUP_BY"]
    value: Any = None
    if pointer:
        try:
            value = json.loads(delivery["body"])
            for part in pointer.removeprefix("/").split("/"):
                name = part.replace("~1", "/").replace("~0", "~")
                value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, TypeError, ValueError):
            logger.warning("Nothing to group by", delivery=delivery["id"], pointer=pointer)
            value = None
    return _digest(delivery["id"] if value is None else json.dumps(value))


def count(name: str, **details: str) -> None:
    """Count one delivery in CloudWatch, under this function's name."""
    with single_metric(name=name, unit=MetricUnit.Count, value=1, namespace="CdpConstructs") as metric:
        metric.add_dimension("function_name", os.environ["AWS_LAMBDA_FUNCTION_NAME"])
        for key, value in details.items():
            metric.add_metadata(key, value)


def _key(secret: str) -> bytes:
    """Return the key of a Standard Webhooks secret, which is base64 after ``whsec_``; any other text is the key."""
    encoded = secret.removeprefix("whsec_")
    if encoded == secret:
        return secret.encode()
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return secret.encode()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _answer(status: HTTPStatus, text: str) -> dict[str, Any]:
    name = "delivery" if status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} else "message"
    headers = {"content-type": "application/json"}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = "1"
    return {"statusCode": status.value, "headers": headers, "body": json.dumps({name: text})}
