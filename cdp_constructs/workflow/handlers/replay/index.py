"""Puts kept webhook deliveries into the queue again; an operator invokes it.

``{"from": "2026-11-24T10:00:00Z", "to": "2026-11-24T11:00:00Z"}`` replays what was accepted between the two, the first
included, in the order of arrival; ``"dry_run": true`` only counts. The answer is ``{"queued": 12, "failed": 0,
"replay": "…", "next": null}``; ``next`` is where to go on, as ``from``, when time ran out. What cannot be read, such as
an object of somebody else, counts as ``failed``, is named in the log, and stops nothing. Every replay has a token, so
that handlers that remember what they did do it again.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from correlation import TRACEPARENT, about, attributes

logger = Logger()
s3 = boto3.client("s3")
sqs = boto3.client("sqs")

# Enough to finish one delivery and to answer.
SPARE_MILLISECONDS = 10_000
# Minute, second and millisecond of the arrival begin the name of a kept delivery.
NAME = re.compile(r"([0-9]{2})([0-9]{2})-([0-9]{3})-.*")
# What S3 and SQS answer for a delivery that can never be queued; anything else may pass.
PERMANENT = {"InvalidMessageContents", "InvalidObjectState", "InvalidParameterValue", "NoSuchKey"}


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The function's environment variables."""

    bucket: str
    accepted_prefix: str
    queue_url: str

    @classmethod
    def read(cls) -> Self:
        """Read the variables that ``WebhookAutomation`` sets."""
        return cls(
            bucket=os.environ["BUCKET"],
            accepted_prefix=os.environ["ACCEPTED_PREFIX"],
            queue_url=os.environ["QUEUE_URL"],
        )


environment = Environment.read()


class WrongRequestError(Exception):
    """The operator's request cannot be carried out; the message says why."""


class Request(BaseModel):
    """What to replay."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime = Field(alias="from")
    until: AwareDatetime = Field(alias="to")
    dry_run: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> "Request":
        if self.until <= self.since:
            message = "'to' must be later than 'from'"
            raise ValueError(message)
        return self


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Replay a range of time.

    Raises:
        WrongRequestError: when the request has no range, or one that ends before it begins.
    """
    try:
        request = Request.model_validate(event)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'request'}: {one['msg']}" for one in error.errors())
        raise WrongRequestError(problems) from error
    replay = uuid4().hex
    queued = failed = 0
    for key, received_at in kept_between(request.since.astimezone(UTC), request.until.astimezone(UTC)):
        if context.get_remaining_time_in_millis() < SPARE_MILLISECONDS:
            return {"queued": queued, "failed": failed, "replay": replay, "next": received_at.isoformat()}
        try:
            if not request.dry_run:
                queue(key, replay)
        except (ClientError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] not in PERMANENT:
                raise
            logger.exception("Not queued", key=key, replay=replay)
            failed += 1
        else:
            queued += 1
    logger.info("Replayed", queued=queued, failed=failed, replay=replay, dry_run=request.dry_run)
    return {"queued": queued, "failed": failed, "replay": replay, "next": None}


def kept_between(since: datetime, until: datetime) -> Iterator[tuple[str, datetime]]:
    """Find raw inputs by the time in their keys, an hour's folder after the other."""
    hour = since.replace(minute=0, second=0, microsecond=0)
    pages = s3.get_paginator("list_objects_v2")
    while hour < until:
        prefix = f"{environment.accepted_prefix}{hour:%Y/%m/%d/%H}/"
        for page in pages.paginate(Bucket=environment.bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                found = NAME.fullmatch(item["Key"].rpartition("/")[2])
                if found is None:
                    logger.warning("Not a kept delivery", key=item["Key"])
                    continue
                minutes, seconds, milliseconds = map(int, found.groups())
                received_at = hour + timedelta(minutes=minutes, seconds=seconds, milliseconds=milliseconds)
                if since <= received_at < until:
                    yield item["Key"], received_at
        hour += timedelta(hours=1)


def queue(key: str, replay: str) -> None:
    """Queue one kept delivery."""
    kept: dict[str, Any] = from_json(s3.get_object(Bucket=environment.bucket, Key=key)["Body"].read())
    message = {name: kept[name] for name in ("id", "received_at", "headers", "body")}
    sqs.send_message(
        QueueUrl=environment.queue_url,
        MessageBody=json.dumps({**message, "key": key, "replay": replay}),
        MessageAttributes=attributes(kept.get(TRACEPARENT)),
        # One group: what is done again is done in the order in which it came.
        MessageGroupId=replay,
        MessageDeduplicationId=hashlib.sha256(f"{replay}/{key}".encode()).hexdigest(),
    )
    with about(logger, kept.get(TRACEPARENT)):
        logger.info("Delivery queued again", delivery=kept["id"], replay=replay)
