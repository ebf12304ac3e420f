"""Schedules of EventBridge Scheduler: time zones, what targets get, retries, and what could not be delivered."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.events.scheduler import occurrence
from cdp_constructs.testing import eventually
from tests.local.resources import allow, arn, function, role

REGION = "us-east-1"
CODE = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""
KEYWORDS = {
    "time": "<aws.scheduler.scheduled-time>",
    "schedule": "<aws.scheduler.schedule-arn>",
    "execution": "<aws.scheduler.execution-id>",
    "attempt": "<aws.scheduler.attempt-number>",
}


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def due(expression: str, zone: str, last: str, now: str) -> str | None:
    """Return the occurrence in UTC; the times are those of the zone."""
    found = occurrence(expression, zone, at(last, zone), at(now, zone))
    return None if found is None else datetime.fromtimestamp(found, UTC).isoformat(timespec="minutes")[:16]


@pytest.mark.parametrize(
    ("expression", "zone", "last", "now", "expected"),
    [
        ("cron(0 7 * * ? *)", "Asia/Tokyo", "2026-11-30T06:00", "2026-11-30T07:00", "2026-11-29T22:00"),
        ("cron(0 7 * * ? *)", "Asia/Tokyo", "2026-11-30T06:00", "2026-11-30T06:59", None),
        ("cron(0 7 * * ? *)", "Asia/Tokyo", "2026-11-30T07:00", "2026-11-30T08:00", None),
        # In winter and in summer at the same time of the clock.
        ("cron(0 7 * * ? *)", "America/New_York", "2026-01-15T06:00", "2026-01-15T08:00", "2026-01-15T12:00"),
        ("cron(0 7 * * ? *)", "America/New_York", "2026-07-15T06:00", "2026-07-15T08:00", "2026-07-15T11:00"),
        # 02:30 does not exist on this day: the next one is on the following day.
        ("cron(30 2 * * ? *)", "America/New_York", "2026-03-08T00:00", "2026-03-08T12:00", None),
        ("cron(30 2 * * ? *)", "America/New_York", "2026-03-08T00:00", "2026-03-09T12:00", "2026-03-09T06:30"),
        ("cron(0 9 L * ? *)", "Europe/Berlin", "2027-02-27T00:00", "2027-02-28T10:00", "2027-02-28T08:00"),
        ("rate(5 minutes)", "Asia/Tokyo", "2026-11-30T06:00", "2026-11-30T06:12", "2026-11-29T21:10"),
        ("rate(5 minutes)", "UTC", "2026-11-30T06:00", "2026-11-30T06:04", None),
        ("at(2026-11-30T09:00:00)", "Asia/Tokyo", "2026-11-30T08:00", "2026-11-30T09:01", "2026-11-30T00:00"),
    ],
)
def test_a_schedule_keeps_its_time_zone(expression: str, zone: str, last: str, now: str, expected: str | None) -> None:
    assert due(expression, zone, last, now) == expected


def test_a_time_that_comes_twice_counts_once() -> None:
    first = at("2026-11-01T01:30", "America/New_York")
    again = first + timedelta(hours=1).total_seconds()
    expression, zone = "cron(30 1 * * ? *)", "America/New_York"
    assert occurrence(expression, zone, first - 60, first) == first
    assert occurrence(expression, zone, first, again + 60) is None
    # Not even when it was made between the two.
    assert occurrence(expression, zone, again - 600, again + 60) is None


def _schedule(role_name: str, target: Any, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "ScheduleExpression": "rate(1 day)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": target,
                "RoleArn": arn(role_name),
                "Input": json.dumps(KEYWORDS),
                "DeadLetterConfig": {"Arn": arn("Failed")},
                "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60},
            },
            **properties,
        },
    }


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    queue = {"Type": "AWS::SQS::Queue"}
    soon = datetime.now(ZoneInfo("Asia/Tokyo")) + timedelta(seconds=30)
    failed = allow(["sqs:SendMessage"], arn("Failed"))
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Seen": queue,
                "Failed": queue,
                "FunctionRole": role(allow(["sqs:SendMessage"], arn("Seen"))),
                "Function": function(CODE, "FunctionRole", Environment={"Variables": {"QUEUE": {"Ref": "Seen"}}}),
                "Caller": role(allow(["lambda:InvokeFunction"], arn("Function")), failed, service="scheduler"),
                "Powerless": role(failed, service="scheduler"),
                "ByHand": _schedule("Caller", arn("Function")),
                "Refused": _schedule("Powerless", arn("Function")),
                "InTokyo": _schedule(
                    "Caller",
                    arn("Function"),
                    ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
                    ScheduleExpressionTimezone="Asia/Tokyo",
                ),
            },
            "Outputs": {
                name: {"Value": {"Ref": name}}
                for name in ("Seen", "Failed", "Function", "ByHand", "Refused", "InTokyo")
            },
        }
    )
    return {**outputs, "Soon": soon.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def _taken(cloud: LocalCloud, queue: str) -> list[dict[str, Any]]:
    sqs = cloud.client("sqs", REGION)
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    for message in answer.get("Messages", []):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def test_one_time_in_a_time_zone_comes_when_it_is_that_time_there(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    (message,) = eventually(lambda: _taken(cloud, deployed["Seen"]), within=60, what="the call")
    event = json.loads(message["Body"])
    assert event["time"] == deployed["Soon"]
    assert event["schedule"].endswith(f"/default/{deployed['InTokyo']}")
    assert event["attempt"] == "1"
    assert event["execution"]


def test_a_function_is_called_under_the_role_and_what_that_refuses_is_kept(
    cloud: LocalCloud, deployed: dict[str, str]
) -> None:
    cloud.fire_schedule(deployed["Refused"], REGION)
    (message,) = eventually(lambda: _taken(cloud, deployed["Failed"]), what="the dead letter")
    said = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert said["ERROR_CODE"] == "AccessDeniedException"
    assert (said["RETRY_ATTEMPTS"], "EXHAUSTED_RETRY_CONDITION" in said) == ("0", False)
    assert said["SCHEDULE_ARN"].endswith(deployed["Refused"])
    assert said["SCHEDULED_TIME"] == json.loads(message["Body"])["time"]


def test_a_service_that_does_not_answer_is_called_again_and_then_given_up(
    cloud: LocalCloud, deployed: dict[str, str]
) -> None:
    with cloud.inject_fault("lambda", REGION, error="ServiceUnavailableException", operation="InvokeFunction"):
        cloud.fire_schedule(deployed["ByHand"], REGION)
        (message,) = eventually(lambda: _taken(cloud, deployed["Failed"]), within=60, what="the dead letter")
    said = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (said["EXHAUSTED_RETRY_CONDITION"], said["RETRY_ATTEMPTS"]) == ("MaximumRetryAttempts", "2")
    cloud.fire_schedule(deployed["ByHand"], REGION)
    assert eventually(lambda: _taken(cloud, deployed["Seen"]), what="the next call")


def test_each_occurrence_that_is_asked_for_has_a_time_of_its_own(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    asked = 3
    for _ in range(asked):
        cloud.fire_schedule(deployed["ByHand"], REGION)
    times: list[str] = []

    def all_three() -> bool:
        times.extend(json.loads(message["Body"])["time"] for message in _taken(cloud, deployed["Seen"]))
        return len(times) >= asked

    eventually(all_three, what="three calls")
    assert len(set(times)) == len(times)
