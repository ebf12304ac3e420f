"""What ScheduledFunction does, seen by its operators: once for each time, alone, and nothing lost that failed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns

from cdp_constructs import AsyncRetries, ScheduledFunction
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from tests.run_once import counted, function_with_ledger

pytestmark = pytest.mark.conformance

REGION = "us-east-1"
# Says in a table when it begins and when it is done, and does what another item of the table tells it.
CODE = """
import os, time, uuid
import boto3
table = boto3.resource("dynamodb").Table(os.environ["LEDGER"])
def note(what, event):
    table.put_item(Item={"kind": what, "entry": uuid.uuid4().hex, "time": event.get("scheduled_time", "")})
def handler(event, context):
    told = table.get_item(Key={"kind": "told", "entry": "now"}, ConsistentRead=True).get("Item", {})
    note("started", event)
    if told.get("dies"): os._exit(1)
    time.sleep(int(told.get("seconds", 0)))
    if told.get("fails"): raise ValueError("refused")
    note("done", event)
    return {"done": event.get("scheduled_time")}
"""


@architecture
def office(stack: Stack) -> None:
    topic = sns.Topic(stack, "Operators", enforce_ssl=True)
    outputs = {}
    for name in ("Report", "Cleaning"):
        actions = ["dynamodb:PutItem", "dynamodb:GetItem"]
        function, ledger = function_with_ledger(stack, name, CODE, keys=("kind", "entry"), actions=actions)
        scheduled = ScheduledFunction(
            stack,
            f"{name}Daily",
            function=function,
            schedule=scheduler.ScheduleExpression.rate(Duration.days(1)),
            retries=AsyncRetries(attempts=1, max_event_age=Duration.minutes(5)),
            alarm_topic=topic,
            removal_policy=RemovalPolicy.DESTROY,
        )
        outputs |= {
            name: function.function_name,
            f"{name}Ledger": ledger.table_name,
            f"{name}Schedule": scheduled.schedule.ref,
            f"{name}Failed": scheduled.dead_letter_queue.queue_url,
        }
        outputs |= {f"{name}{alarm.node.id}": alarm.alarm_name for alarm in scheduled.alarms}
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Name", value=value)


class Office:
    """A deployed function with its schedule, and what its operators do."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment, name: str) -> None:
        (outputs,) = deployment.outputs.values()
        self.outputs = {key.removesuffix("Name"): value for key, value in outputs.items()}
        self.cloud, self.name = cloud, name
        self._dynamodb = cloud.client("dynamodb", REGION)
        self._functions = cloud.client("lambda", REGION)
        self.sqs = cloud.client("sqs", REGION)

    def tell(self, **what: str) -> None:
        item = {"kind": {"S": "told"}, "entry": {"S": "now"}, **{key: {"S": value} for key, value in what.items()}}
        self._dynamodb.put_item(TableName=self.outputs[f"{self.name}Ledger"], Item=item)

    def times(self, what: str) -> list[str]:
        answer = self._dynamodb.query(
            TableName=self.outputs[f"{self.name}Ledger"],
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": what}},
            ConsistentRead=True,
        )
        return [item["time"]["S"] for item in answer["Items"]]

    def fire(self) -> None:
        self.cloud.fire_schedule(self.outputs[f"{self.name}Schedule"], REGION)

    def call(self, event: dict[str, Any]) -> dict[str, Any]:
        """Call the function as the scheduler does, and wait for the answer, which the scheduler does not."""
        answer = self._functions.invoke(FunctionName=self.outputs[self.name], Payload=json.dumps(event))
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        return result

    def messages(self) -> list[dict[str, Any]]:
        url = self.outputs[f"{self.name}Failed"]
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def is_alarmed(self, alarm: str) -> bool:
        self.cloud.metrics.advance(minutes=1)
        names = [self.outputs[f"{self.name}{alarm}"]]
        (found,) = self.cloud.client("cloudwatch", REGION).describe_alarms(AlarmNames=names)["MetricAlarms"]
        return bool(found["StateValue"] == "ALARM")


@pytest.fixture(scope="module")
def office_of(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Callable[[str], Office]:
    deployment = deployed(office)
    return lambda name: Office(local_cloud, deployment, name)


@pytest.fixture
def report(office_of: Callable[[str], Office]) -> Office:
    made = office_of("Report")
    made.tell()
    return made


def some_time() -> dict[str, str]:
    """The event of a time that no other test uses."""
    moment = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=uuid4().int % 10**8)
    return {"scheduled_time": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}


def test_a_schedule_calls_the_function_with_its_time(report: Office) -> None:
    before = datetime.now(UTC)
    report.fire()
    (time,) = eventually(lambda: report.times("done"), within=30, what="the run")
    assert abs(datetime.fromisoformat(time) - before) < timedelta(seconds=30)


def test_a_time_that_is_delivered_twice_is_run_once(report: Office) -> None:
    event = some_time()
    first = report.call(event)
    assert first == {"done": event["scheduled_time"]}
    assert report.call(event) == first
    assert report.times("started").count(event["scheduled_time"]) == 1


def test_a_schedule_that_lambda_delivers_twice_runs_once(report: Office) -> None:
    report.tell(seconds="1")
    name, before = report.outputs["Report"], len(report.times("started"))
    repeated = counted(report.cloud, name, "RepeatedRequests")
    with report.cloud.deliver_twice(name, REGION):
        report.fire()
        eventually(lambda: len(report.times("done")) > before, within=30, what="the run")
    # The second delivery fails while the first one runs, and its retry gets what that has returned.
    eventually(lambda: counted(report.cloud, name, "RepeatedRequests") > repeated, within=30, what="both")
    assert len(report.times("started")) == before + 1


def test_a_run_that_is_longer_than_its_period_lets_times_be_skipped_and_that_raises_an_alarm(report: Office) -> None:
    report.tell(seconds="4")
    before = len(report.times("started"))
    report.fire()
    eventually(lambda: len(report.times("started")) > before, within=30, what="the long run")
    skipped = some_time()
    assert report.call(skipped) == {"skipped": skipped["scheduled_time"]}
    assert skipped["scheduled_time"] not in report.times("started")
    eventually(lambda: len(report.times("done")) > before, within=30, what="the end of the long run")
    report.tell()
    later = some_time()
    assert report.call(later) == {"done": later["scheduled_time"]}
    # A time that was skipped is over, however often it comes.
    assert report.call(skipped) == {"skipped": skipped["scheduled_time"]}
    eventually(lambda: report.is_alarmed("SkippedRunsAlarm"), what="the alarm")


def test_a_run_by_hand_is_alone_too(report: Office) -> None:
    assert report.call({}) == {"done": None}


def test_a_run_that_dies_frees_its_lock_when_its_time_is_over(office_of: Callable[[str], Office]) -> None:
    cleaning = office_of("Cleaning")
    cleaning.tell(dies="yes")
    event, other = some_time(), some_time()
    assert "done" not in cleaning.call(event)
    cleaning.tell()
    assert cleaning.call(other) == {"skipped": other["scheduled_time"]}
    assert cleaning.call(event)["errorType"] == "IdempotencyAlreadyInProgressError"
    eventually(lambda: cleaning.call(event) == {"done": event["scheduled_time"]}, within=30, what="the second attempt")


def test_a_run_that_fails_is_tried_again_and_then_kept(office_of: Callable[[str], Office]) -> None:
    cleaning = office_of("Cleaning")
    cleaning.tell(fails="yes")
    before = len(cleaning.times("started"))
    cleaning.fire()
    (message,) = eventually(cleaning.messages, within=40, what="the dead letter")
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"]["scheduled_time"]
    assert len(cleaning.times("started")) == before + 2
    cleaning.fire()
    eventually(lambda: cleaning.is_alarmed("DeadLetterQueueAlarm"), within=60, what="the alarm")
    cleaning.messages()


def test_a_call_that_cannot_be_made_is_kept(office_of: Callable[[str], Office]) -> None:
    cleaning = office_of("Cleaning")
    cleaning.messages()
    error = "ResourceNotFoundException"
    with cleaning.cloud.inject_fault("lambda", REGION, error=error, operation="InvokeFunction"):
        cleaning.fire()
        (message,) = eventually(cleaning.messages, within=30, what="the dead letter")
    assert (
        json.loads(message["Body"])["scheduled_time"] == message["MessageAttributes"]["SCHEDULED_TIME"]["StringValue"]
    )
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == error
