"""Counts what each person has said on a day of UTC. A job names the day and may come twice: its result is the same."""

import json
import logging
import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3

from queue_worker import Job, ReturnedJob, Worker

__all__ = ["count", "day_of", "key_of"]

_LOG = logging.getLogger("count")
_LONGEST_REASON = 200


def day_of(body: str) -> str:
    """Return the day that a job asks for: the one that it names, or the one before its scheduled time.

    Args:
        body: ``{"day": "2026-11-29"}``, or ``{"scheduled_time": "2026-11-30T00:10:00Z"}``.

    Raises:
        ValueError: it names no day.
    """
    try:
        asked = json.loads(body)
        match asked:
            case {"day": str(day)}:
                return date.fromisoformat(day).isoformat()
            case {"scheduled_time": str(time)} if (at := datetime.fromisoformat(time)).tzinfo is not None:
                return (at.astimezone(UTC).date() - timedelta(days=1)).isoformat()
    except (OverflowError, RecursionError) as error:
        raise ValueError(f"a job has no day: {type(error).__name__}") from error
    raise ValueError(f"a job has no day: {body[:100]!r}")


def key_of(day: str) -> str:
    """Return where the counts of a day are."""
    return f"counts/{day}.json"


def count(dynamodb: Any, table: str, day: str, is_stopping: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Return how many messages each person has written on a day.

    Args:
        dynamodb: A client.
        table: The table; all of it is read, since no key has the day.
        day: As ``2026-11-29``.
        is_stopping: Whether the task is to stop; then the job is given back.
    """
    counted: Counter[str] = Counter()
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="begins_with(#sk, :message) AND begins_with(#at, :day)",
        ProjectionExpression="#author",
        ExpressionAttributeNames={"#sk": "sk", "#at": "at", "#author": "author"},
        ExpressionAttributeValues={":message": {"S": "message#"}, ":day": {"S": day}},
    )
    for page in pages:
        if is_stopping():
            raise ReturnedJob
        counted.update(item["author"]["S"] for item in page["Items"])
    return dict(sorted(counted.items()))


def main() -> None:
    """Work off the queue until SIGTERM."""
    dynamodb, s3, sqs = boto3.client("dynamodb"), boto3.client("s3"), boto3.client("sqs")
    table, bucket, failed = (os.environ[name] for name in ("TABLE", "BUCKET", "DEAD_LETTER_QUEUE_URL"))

    def work(job: Job) -> None:
        try:
            day = day_of(job.body)
        except ValueError as error:
            # No other attempt would end otherwise.
            reason = str(error)[:_LONGEST_REASON]
            _LOG.error("job %s is sent to the dead-letter queue: %s", job.message_id, reason)
            attributes: Any = {"reason": {"DataType": "String", "StringValue": reason}}
            sqs.send_message(QueueUrl=failed, MessageBody=job.body, MessageAttributes=attributes)
            return
        people = count(dynamodb, table, day, lambda: job.is_stopping)
        body = json.dumps({"day": day, "messages": sum(people.values()), "people": people}, ensure_ascii=False)
        s3.put_object(Bucket=bucket, Key=key_of(day), Body=body.encode(), ContentType="application/json")
        _LOG.info("%s: %d messages of %d people", day, sum(people.values()), len(people))

    Worker.from_environment(work).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    main()
