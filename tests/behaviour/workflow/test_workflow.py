"""What Workflow and HumanApproval do, seen by their clients: series, parallel, maps, retries, sagas, redrive."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from cdp_constructs import ClaimCheck, Workflow, add_retry, for_each
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from docs.examples.human_approval import build as approvals_example
from docs.examples.workflow import build as orders_example

REGION = "us-east-1"
# Counts its calls for each key, and fails as often as it is told to.
CODE = """
import os, time
import boto3
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
class BusyError(Exception): pass
def handler(event, context):
    key = event["key"]
    counted = table.update_item(
        Key={"key": key},
        UpdateExpression="ADD calls :one",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="ALL_NEW",
    )
    calls = int(counted["Attributes"]["calls"])
    time.sleep(event.get("seconds", 0))
    if calls <= event.get("busy", 0): raise BusyError(key)
    if calls <= event.get("wrong", 0): raise ValueError(key)
    return {"calls": calls, "large": "x" * event.get("large", 0)}
"""


def function(stack: Stack, name: str) -> lambda_.Function:
    key = dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING)
    table = dynamodb.TableV2(stack, f"{name}Calls", partition_key=key, removal_policy=RemovalPolicy.DESTROY)
    made = lambda_.Function(
        stack,
        f"{name}Function",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline(CODE),
        timeout=Duration.seconds(10),
        environment={"TABLE": table.table_name},
    )
    table.grant_read_write_data(made)
    return made


def task(stack: Stack, name: str, path: str | None = None) -> tasks.LambdaInvoke:
    return tasks.LambdaInvoke(
        stack,
        name,
        lambda_function=function(stack, name),
        input_path=path or f"$.{name.lower()}",
        payload_response_only=True,
        result_path=None if path else f"$.done.{name}",
        retry_on_service_exceptions=False,
    )


@architecture
def workshop(stack: Stack) -> None:
    series = add_retry(task(stack, "First"), interval=Duration.seconds(1)).next(add_retry(task(stack, "Second")))
    both = sfn.Parallel(stack, "Both").branch(task(stack, "Left"), task(stack, "Right"))
    each = for_each(stack, "Each", step=task(stack, "Item", "$"), items_path="$.items", max_concurrency=2)
    most = for_each(
        stack, "Most", step=task(stack, "Piece", "$"), items_path="$.items", tolerated_failure_percentage=25
    )
    topic = sns.Topic(stack, "Alarms", enforce_ssl=True)
    rate = scheduler.ScheduleExpression.rate(Duration.days(1))
    for name in ("Started", "Lost"):
        workflow = Workflow(stack, name, definition=sfn.Pass(stack, f"Rest{name}"), alarm_topic=topic)
        workflow.start_on_event("OnEvent", event_pattern=events.EventPattern(source=[name]))
        schedule = workflow.start_on_schedule("Daily", schedule=rate, payload={"by": "the schedule"})
        assert workflow.dead_letter_queue is not None
        CfnOutput(stack, f"{name}Machine", value=workflow.state_machine.state_machine_arn)
        CfnOutput(stack, f"{name}Schedule", value=schedule.ref)
        CfnOutput(stack, f"{name}Queue", value=workflow.dead_letter_queue.queue_url)
    workflow = Workflow(stack, "Intake", definition=sfn.Pass(stack, "RestIntake"), alarm_topic=topic)
    intake = workflow.start_on_message("Orders", payloads=ClaimCheck(stack, "Payloads"))
    bare = workflow.start_on_message("Bare")
    for name, value in {
        "IntakeMachine": workflow.state_machine.state_machine_arn,
        "IntakeQueue": intake.queue.queue_url,
        "IntakeDead": intake.dead_letter_queue.queue_url,
        "BareQueue": bare.queue.queue_url,
        "BareDead": bare.dead_letter_queue.queue_url,
    }.items():
        CfnOutput(stack, name, value=value)
    for name, definition in (("Series", series), ("Parallel", both), ("Map", each), ("Tolerant", most)):
        workflow = Workflow(stack, name, definition=definition, timeout=Duration.minutes(5), alarm_topic=topic)
        CfnOutput(stack, f"{name}Machine", value=workflow.state_machine.state_machine_arn)
        CfnOutput(stack, f"{name}Log", value=workflow.log_group.log_group_name)


@architecture
def orders(stack: Stack) -> None:
    orders_example(stack)


@architecture
def approvals(stack: Stack) -> None:
    approvals_example(stack)


class Runner:
    """Starts executions and looks at them."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        (self.outputs,) = deployment.outputs.values()
        self.cloud = cloud
        self.states = cloud.client("stepfunctions", REGION)

    def start(self, machine: str, event: dict[str, Any], name: str | None = None) -> str:
        started = self.states.start_execution(
            stateMachineArn=self.outputs[machine], name=name or uuid4().hex, input=json.dumps(event)
        )
        return str(started["executionArn"])

    def end(self, execution: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            described: dict[str, Any] = self.states.describe_execution(executionArn=execution)
            return described if described["status"] != "RUNNING" else None

        found: dict[str, Any] = eventually(ended, within=40, what="the end of the execution")
        return found

    def entered(self, execution: str) -> list[str]:
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution)
        events = [event for page in pages for event in page["events"]]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


@pytest.fixture(scope="module")
def shop(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Runner:
    return Runner(local_cloud, deployed(workshop))


@pytest.fixture(scope="module")
def fulfilment(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Runner:
    return Runner(local_cloud, deployed(orders))


@pytest.fixture(scope="module")
def office(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Runner:
    return Runner(local_cloud, deployed(approvals))


def work(**told: Any) -> dict[str, Any]:
    return {"key": uuid4().hex, **told}


def test_steps_run_one_after_the_other_and_what_passes_is_tried_again(shop: Runner) -> None:
    execution = shop.start("SeriesMachine", {"first": work(busy=2), "second": work(), "done": {}})
    ended = shop.end(execution)
    assert ended["status"] == "SUCCEEDED"
    done = json.loads(ended["output"])["done"]
    assert (done["First"]["calls"], done["Second"]["calls"]) == (3, 1)
    assert shop.entered(execution) == ["First", "Second"]


def test_an_error_of_the_code_is_not_tried_again_and_a_redrive_goes_on_there(shop: Runner) -> None:
    execution = shop.start("SeriesMachine", {"first": work(), "second": work(wrong=1), "done": {}})
    failed = shop.end(execution)
    assert (failed["status"], failed["error"]) == ("FAILED", "ValueError")
    shop.states.redrive_execution(executionArn=execution)
    ended = shop.end(execution)
    assert ended["status"] == "SUCCEEDED"
    done = json.loads(ended["output"])["done"]
    assert (done["First"]["calls"], done["Second"]["calls"]) == (1, 2)


def test_branches_in_parallel_take_as_long_as_the_longest(shop: Runner) -> None:
    warm = {"left": work(), "right": work(), "done": {}}
    shop.end(shop.start("ParallelMachine", warm))
    started = time.monotonic()
    ended = shop.end(shop.start("ParallelMachine", {"left": work(seconds=3), "right": work(seconds=3), "done": {}}))
    assert ended["status"] == "SUCCEEDED"
    assert time.monotonic() - started < 5, "six seconds of work"


def test_a_map_works_on_so_many_items_at_a_time(shop: Runner) -> None:
    started = time.monotonic()
    ended = shop.end(shop.start("MapMachine", {"items": [work(seconds=1) for _ in range(4)]}))
    assert [result["calls"] for result in json.loads(ended["output"])] == [1, 1, 1, 1]
    assert time.monotonic() - started >= 2, "two at a time"


def test_a_map_that_tolerates_failures_goes_on_without_the_poison_item(shop: Runner) -> None:
    items = [work(), {"poison": True}, work(), work()]
    ended = shop.end(shop.start("TolerantMachine", {"items": items}))
    assert ended["status"] == "SUCCEEDED"
    assert [result and result["calls"] for result in json.loads(ended["output"])] == [1, None, 1, 1]
    ended = shop.end(shop.start("TolerantMachine", {"items": [*items, {"poison": True}]}))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


def test_a_result_that_is_too_large_fails_at_once(shop: Runner) -> None:
    execution = shop.start("SeriesMachine", {"first": work(large=300_000), "second": work(), "done": {}})
    ended = shop.end(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert shop.entered(execution) == ["First"]


def test_the_log_has_every_event_and_no_contents(shop: Runner) -> None:
    secret = uuid4().hex
    execution = shop.start("SeriesMachine", {"first": {"key": secret}, "second": work(), "done": {}})
    shop.end(execution)
    logs = shop.cloud.client("logs", REGION)

    def written() -> list[str]:
        events = logs.filter_log_events(logGroupName=shop.outputs["SeriesLog"])["events"]
        return [event["message"] for event in events if execution in event["message"]]

    eventually(lambda: any("ExecutionSucceeded" in line for line in written()), what="the last event")
    assert not any(secret in line for line in written())


def put_event(shop: Runner, source: str) -> None:
    entry = {"Source": source, "DetailType": "given", "Detail": json.dumps({"number": 7})}
    shop.cloud.client("events", REGION).put_events(Entries=[entry])


def test_events_and_schedules_start_executions(shop: Runner) -> None:
    put_event(shop, "Started")
    shop.cloud.fire_schedule(shop.outputs["StartedSchedule"], REGION)

    def inputs() -> list[dict[str, Any]]:
        listed = shop.states.list_executions(stateMachineArn=shop.outputs["StartedMachine"])["executions"]
        described = [shop.states.describe_execution(executionArn=one["executionArn"]) for one in listed]
        return [json.loads(one["input"]) for one in described]

    eventually(lambda: len(inputs()) == 2, what="two executions")
    found = inputs()
    assert {"by": "the schedule"} in found
    assert any(one.get("detail") == {"number": 7} for one in found)


def test_a_start_that_fails_is_kept(shop: Runner) -> None:
    shop.states.delete_state_machine(stateMachineArn=shop.outputs["LostMachine"])
    put_event(shop, "Lost")
    shop.cloud.fire_schedule(shop.outputs["LostSchedule"], REGION)
    sqs, kept = shop.cloud.client("sqs", REGION), []

    def both() -> bool:
        answer = sqs.receive_message(
            QueueUrl=shop.outputs["LostQueue"], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        kept.extend(answer.get("Messages", []))
        return len(kept) >= 2

    assert eventually(both, what="both starts")
    bodies = [json.loads(message["Body"]) for message in kept]
    assert {"by": "the schedule"} in bodies
    assert any(body.get("detail") == {"number": 7} for body in bodies)
    codes = {message["MessageAttributes"]["ERROR_CODE"]["StringValue"] for message in kept}
    assert codes == {"StateMachineDoesNotExist"}


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def started_by_messages(shop: Runner) -> dict[str, str]:
    """Return the inputs of the executions of the intake, by their names."""
    listed = shop.states.list_executions(stateMachineArn=shop.outputs["IntakeMachine"])["executions"]
    described = [shop.states.describe_execution(executionArn=one["executionArn"]) for one in listed]
    return {one["name"]: one["input"] for one in described}


def test_a_message_starts_one_execution_however_often_it_is_delivered(shop: Runner) -> None:
    sqs, queue = shop.cloud.client("sqs", REGION), shop.outputs["IntakeQueue"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    # Step Functions starts it, and the answer is lost: SQS delivers the message again.
    with shop.cloud.inject_fault("sqs", REGION, operation="DeleteMessage"):
        carried = {"traceparent": {"DataType": "String", "StringValue": TRACEPARENT}}
        sent = sqs.send_message(QueueUrl=queue, MessageBody='{"number": 7}', MessageAttributes=carried)["MessageId"]
        eventually(lambda: sent in started_by_messages(shop), what="the execution")
    functions = shop.cloud.client("lambda", REGION)
    (starter,) = [
        one["FunctionName"] for one in functions.list_functions()["Functions"] if "IntakeOrders" in one["FunctionName"]
    ]
    carried = {"traceparent": {"dataType": "String", "stringValue": TRACEPARENT}}
    record = {"messageId": sent, "body": '{"number": 7}', "eventSource": "aws:sqs", "messageAttributes": carried}
    answer = functions.invoke(FunctionName=starter, Payload=json.dumps({"Records": [record]}))
    assert json.loads(answer["Payload"].read()) == {"batchItemFailures": []}
    assert json.loads(started_by_messages(shop)[sent]) == {"number": 7, "traceparent": TRACEPARENT}
    assert len(started_by_messages(shop)) == 1


def test_a_poison_message_costs_only_itself_and_a_large_one_goes_by_reference(shop: Runner) -> None:
    sqs = shop.cloud.client("sqs", REGION)
    for name in ("Intake", "Bare"):
        sqs.set_queue_attributes(QueueUrl=shop.outputs[f"{name}Queue"], Attributes={"VisibilityTimeout": "1"})
    large = json.dumps({"rows": "x" * 1_000_000})
    sent = {
        (name, kind): sqs.send_message(QueueUrl=shop.outputs[f"{name}Queue"], MessageBody=body)["MessageId"]
        for name in ("Intake", "Bare")
        for kind, body in (("poison", "{not json"), ("good", "[]"), ("large", large))
    }

    def dead(name: str) -> int:
        queue = shop.outputs[f"{name}Dead"]
        found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"])

    # Without a claim check a megabyte is no input.
    eventually(lambda: dead("Intake") == 1 and dead("Bare") == 2, within=60, what="the dead letters")
    inputs = started_by_messages(shop)
    assert inputs[sent["Intake", "good"]] == inputs[sent["Bare", "good"]] == "[]"
    assert json.loads(inputs[sent["Intake", "large"]])["claim_check"]["bytes"] > 1_000_000
    assert sent["Bare", "large"] not in inputs
    assert not {sent["Intake", "poison"], sent["Bare", "poison"]} & set(inputs)


def test_a_failed_execution_raises_the_alarm(shop: Runner) -> None:
    shop.end(shop.start("SeriesMachine", {"first": work(wrong=9), "second": work(), "done": {}}))
    cloudwatch = shop.cloud.client("cloudwatch", REGION)

    def raised() -> bool:
        alarms = cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
        return any("Series" in alarm["AlarmName"] and "Failed" in alarm["AlarmName"] for alarm in alarms)

    shop.cloud.metrics.advance(minutes=1)
    assert eventually(raised, what="the alarm")


def test_an_event_starts_an_execution_and_its_steps_run(fulfilment: Runner) -> None:
    number = uuid4().hex
    # The example's steps take an order; EventBridge gives the whole event, so that this one has no order.
    fulfilment.cloud.client("events", REGION).put_events(
        Entries=[{"Source": "shop", "DetailType": "order.placed", "Detail": json.dumps({"number": number})}]
    )

    def started() -> list[str]:
        listed = fulfilment.states.list_executions(stateMachineArn=fulfilment.outputs["Workflow"])["executions"]
        described = [fulfilment.states.describe_execution(executionArn=one["executionArn"]) for one in listed]
        return [one["executionArn"] for one in described if number in one["input"]]

    assert len(eventually(started, what="the execution")) == 1


def test_a_saga_undoes_what_was_done(fulfilment: Runner) -> None:
    good = fulfilment.start("Workflow", {"order": {"number": "7"}})
    assert fulfilment.end(good)["status"] == "SUCCEEDED"
    assert fulfilment.entered(good) == ["Reserve", "Charge", "Send"]
    empty = fulfilment.start("Workflow", {"order": {"number": "8", "quantity": 101}})
    ended = fulfilment.end(empty)
    assert (ended["status"], ended["error"]) == ("FAILED", "OutOfStockError")
    assert fulfilment.entered(empty) == ["Reserve", "Release", "Undone"]


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_person_decides_once(office: Runner, decision: str) -> None:
    name = uuid4().hex
    execution = office.start("Workflow", {"order": "7"}, name)
    request = {"id": f"{name}.Approve", "decision": decision, "by": "Kim", "comment": "as agreed"}
    assert eventually(lambda: (given := answer(office, request))["status"] == "taken" and given)
    assert answer(office, request)["status"] == "unknown"
    ended = office.end(execution)
    output = json.loads(ended["output"])
    assert ended["status"] == "SUCCEEDED"
    if decision == "approve":
        assert output == {"order": "7", "approval": {"by": "Kim", "comment": "as agreed"}}
    else:
        assert (output["Error"], output["Cause"]) == ("Rejected", "Kim: as agreed")


def test_a_decision_for_an_execution_that_was_stopped_comes_too_late(office: Runner) -> None:
    name = uuid4().hex
    execution = office.start("Workflow", {"order": "9"}, name)
    table = office.cloud.client("dynamodb", REGION)
    (name_of_table,) = [one for one in table.list_tables()["TableNames"] if "Approval" in one]
    key = {"id": {"S": f"{name}.Approve"}}
    item = eventually(lambda: table.get_item(TableName=name_of_table, Key=key).get("Item"), what="the question")
    assert item["question"] == {"M": {"order": {"S": "9"}}}
    extended = answer(office, {"id": f"{name}.Approve", "decision": "extend", "by": "Kim"})
    assert extended == {"status": "taken"}
    office.states.stop_execution(executionArn=execution)
    late = answer(office, {"id": f"{name}.Approve", "decision": "approve", "by": "Kim"})
    assert late == {"status": "closed"}


@pytest.mark.parametrize(
    "poison", [None, [], "x", {}, {"id": "a", "decision": "perhaps", "by": "Kim"}, {"id": "", "decision": "approve"}]
)
def test_a_request_that_cannot_be_read_is_answered(office: Runner, poison: Any) -> None:
    assert answer(office, poison)["error"]


def answer(office: Runner, request: Any) -> dict[str, Any]:
    given = office.cloud.client("lambda", REGION).invoke(
        FunctionName=office.outputs["Answer"], Payload=json.dumps(request).encode()
    )
    result: dict[str, Any] = json.loads(given["Payload"].read())
    assert "FunctionError" not in given, result
    return result
