"""What is done to a board that has its days counted every night."""

import asyncio
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.dojo.faults import Faults
from demo.dojo.stage import Stage
from demo.report import eventually_async, expect

__all__ = ["POISON", "count_the_day"]

POISON = '{"day": "the day before yesterday"}'
"""A job that nobody can do."""
_MOST_MINUTES = 8


async def count_the_day(on: Faults, *, within: float) -> str:
    """Fire the schedule, ask for today twice, and put a job before it that nobody can do.

    Args:
        on: The board.
        within: Seconds until all of it is done, once a worker starts.
    """
    stage = on.stage
    history = await on.crowd.present[0].read_all()
    today = history[-1]["at"][:10]
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    await asyncio.to_thread(_ask_for, stage, [POISON, *[json.dumps({"day": today})] * 2])
    minutes = await _started(stage)
    began = time.monotonic()
    await eventually_async(lambda: _is_empty(stage), within=within, what="the end of the jobs")
    seconds = time.monotonic() - began
    totals = []
    for day in (yesterday, today):
        expected = Counter(one["author"] for one in history if one["at"][:10] == day)
        found = await asyncio.to_thread(_counts, stage, day)
        expect(found["people"] == expected and found["messages"] == expected.total(), f"{day}: {found}")
        totals.append(expected.total())
    versions = await asyncio.to_thread(_versions, stage, today)
    expect(len(versions) >= 2 and len(set(versions)) == 1, f"versions of {today}: {versions}")
    [kept] = await asyncio.to_thread(_set_aside, stage)
    reason = kept["MessageAttributes"]["reason"]["StringValue"]
    expect(kept["Body"] == POISON, f"{kept['Body']} was sent to the dead-letter queue")
    return (
        f"a worker after {minutes} minutes; {totals[0]} messages yesterday, {totals[1]} today, counted twice with one "
        f"result, all of it within {seconds:.1f} s; sent to the dead-letter queue: {reason}"
    )


def _ask_for(stage: Stage, jobs: list[str]) -> None:
    sqs = stage.client("sqs")
    for job in jobs:
        sqs.send_message(QueueUrl=stage.outputs["CountQueueUrl"], MessageBody=job)
    stage.cloud.fire_schedule(stage.outputs["CountSchedule"], stage.region)


async def _started(stage: Stage) -> int:
    """Let minutes of CloudWatch's clock pass until there is a worker; return how many."""
    minutes = 0
    while minutes < _MOST_MINUTES and not (await asyncio.to_thread(stage.service, "CountServiceName"))["desiredCount"]:
        await asyncio.to_thread(stage.cloud.metrics.advance, minutes=1)
        minutes += 1
    await eventually_async(lambda: stage.tasks("CountServiceName"), within=60, what="a worker")
    return minutes


def _is_empty(stage: Stage) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = stage.client("sqs").get_queue_attributes(QueueUrl=stage.outputs["CountQueueUrl"], AttributeNames=names)
    return not any(int(found["Attributes"][name]) for name in names)


def _counts(stage: Stage, day: str) -> dict[str, Any]:
    kept = stage.client("s3").get_object(Bucket=stage.outputs["CountBucket"], Key=f"counts/{day}.json")
    found: dict[str, Any] = json.loads(kept["Body"].read())
    return found


def _versions(stage: Stage, day: str) -> list[str]:
    found = stage.client("s3").list_object_versions(Bucket=stage.outputs["CountBucket"], Prefix=f"counts/{day}.json")
    return [one["ETag"] for one in found["Versions"]]


def _set_aside(stage: Stage) -> list[dict[str, Any]]:
    """Return what the dead-letter queue has, and leave it there."""
    received = stage.client("sqs").receive_message(
        QueueUrl=stage.outputs["CountDeadLetterQueueUrl"], MessageAttributeNames=["All"], VisibilityTimeout=0
    )
    return list(received.get("Messages", []))
