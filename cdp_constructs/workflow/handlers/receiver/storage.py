"""Where deliveries are kept and queued, and where the shared secret is."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
from aws_lambda_powertools.utilities.parameters import GetParameterError, SecretsProvider

from correlation import TRACEPARENT, attributes

from .environment import Environment

s3 = boto3.client("s3")
dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")
_secrets = boto3.client("secretsmanager")
# A provider caches by secret and not by version, so each version has a provider of its own. Without a client each would
# make a session of its own, which reads the descriptions of all services again.
current_secret = SecretsProvider(boto3_client=_secrets)
previous_secret = SecretsProvider(boto3_client=_secrets)

# A secret that was just changed is read again after this time.
SECRET_SECONDS = 60


def keep(environment: Environment, prefix: str, delivery: dict[str, Any]) -> str:
    """Write the raw input below a prefix, in the order of arrival, and return its key."""
    moment = datetime.fromisoformat(delivery["received_at"])
    key = f"{prefix}{moment:%Y/%m/%d/%H/%M%S}-{moment.microsecond // 1000:03}-{_digest(delivery['id'])[:32]}.json"
    s3.put_object(
        Bucket=environment.bucket,
        Key=key,
        Body=json.dumps(delivery, ensure_ascii=False).encode(errors="backslashreplace"),
        ContentType="application/json",
    )
    return key


def queue(environment: Environment, delivery: dict[str, Any], *, key: str, group: str | None) -> None:
    """Queue a kept delivery; without a group it is a group of its own."""
    message = {name: delivery[name] for name in ("id", "received_at", "headers", "body")}
    sqs.send_message(
        QueueUrl=environment.queue_url,
        MessageBody=json.dumps({**message, "key": key, "replay": None}),
        MessageAttributes=attributes(delivery[TRACEPARENT]),
        MessageGroupId=_digest(delivery["id"] if group is None else group),
        MessageDeduplicationId=_digest(delivery["id"]),
    )


def secrets(environment: Environment) -> Iterator[str]:
    """Return the shared secret and, while it is being changed, the one before.

    A value that was put from a file ends with a line break, which no sender has.
    """
    yield str(current_secret.get(environment.secret, max_age=SECRET_SECONDS)).rstrip("\r\n")
    try:
        previous = previous_secret.get(environment.secret, max_age=SECRET_SECONDS, VersionStage="AWSPREVIOUS")
    except GetParameterError:  # there was never another
        return
    yield str(previous).rstrip("\r\n")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
