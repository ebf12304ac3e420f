"""What Workflow, its steps and HumanApproval promise in their templates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Stage
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import (
    LASTING_ERRORS,
    ClaimCheck,
    HumanApproval,
    InvalidOptionError,
    SagaStep,
    Workflow,
    add_retry,
    add_saga,
    for_each,
)
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.human_approval import build as approval_example
from docs.examples.workflow import build as example

PLACE = "us-east-1:111122223333"
EXPRESS = sfn.StateMachineType.EXPRESS
ASL = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 1, "End": True}}, "TimeoutSeconds": 60}


def task(stack: Stack, name: str, *, result_path: str | None = None) -> tasks.LambdaInvoke:
    function = lambda_.Function.from_function_arn(
        stack, f"{name}Function", f"arn:aws:lambda:us-east-1:111122223333:function:{name}"
    )
    return tasks.LambdaInvoke(
        stack, name, lambda_function=function, retry_on_service_exceptions=False, result_path=result_path
    )


@architecture
def defaults(stack: Stack) -> Workflow:
    return Workflow(stack, "Fulfil", definition=sfn.Pass(stack, "Rest"))


@architecture
def all_options(stack: Stack) -> Workflow:
    items = for_each(
        stack, "Each", step=add_retry(task(stack, "Pack")), items_path="$.items", tolerated_failure_percentage=10
    )
    workflow = Workflow(
        stack,
        "Fulfil",
        definition=items,
        timeout=Duration.hours(2),
        include_execution_data=True,
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    workflow.start_on_event("Placed", event_pattern=events.EventPattern(source=["shop"]))
    workflow.start_on_schedule(
        "Nightly", schedule=scheduler.ScheduleExpression.cron(hour="2", minute="0"), payload={"items": [1, 2]}
    )
    payloads = ClaimCheck(stack, "Payloads", removal_policy=RemovalPolicy.DESTROY)
    workflow.start_on_message("Orders", payloads=payloads, max_concurrency=2)
    workflow.grant_start(iam.Role(stack, "Starter", assumed_by=iam.AccountRootPrincipal()))
    workflow.grant_operate(iam.Role(stack, "Operator", assumed_by=iam.AccountRootPrincipal()))
    return workflow


@architecture
def express(stack: Stack) -> Workflow:
    workflow = Workflow(
        stack,
        "Look",
        definition=sfn.DefinitionBody.from_string(json.dumps(ASL)),
        state_machine_type=EXPRESS,
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
    )
    workflow.start_on_message("Questions")
    workflow.grant_start(iam.Role(stack, "Starter", assumed_by=iam.AccountRootPrincipal()))
    return workflow


@architecture
def imported(stack: Stack) -> Workflow:
    workflow = Workflow(
        stack,
        "Fulfil",
        definition=add_retry(task(stack, "Pack")),
        encryption_key=kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{PLACE}:key/existing"),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", f"arn:aws:sns:{PLACE}:existing"),
    )
    bus = events.EventBus.from_event_bus_arn(stack, "Bus", f"arn:aws:events:{PLACE}:event-bus/shop")
    workflow.start_on_event("Placed", event_pattern=events.EventPattern(source=["shop"]), event_bus=bus)
    return workflow


@architecture
def imported_for_approvals(stack: Stack) -> HumanApproval:
    return HumanApproval(
        stack,
        "Approval",
        encryption_key=kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{PLACE}:key/existing"),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", f"arn:aws:sns:{PLACE}:existing"),
    )


@architecture
def two_in_one_stack(stack: Stack) -> list[Workflow]:
    return [Workflow(stack, name, definition=sfn.Pass(stack, f"Rest{name}")) for name in ("Orders", "Returns")]


@architecture
def approvals_with_a_key(stack: Stack) -> HumanApproval:
    approval = HumanApproval(
        stack,
        "Approval",
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        removal_policy=RemovalPolicy.DESTROY,
    )
    Workflow(stack, "Orders", definition=approval.ask("Approve"))
    return approval


@architecture
def inside_a_stage(app: App) -> Workflow:
    return defaults(Stack(Stage(app, "WorkflowStage"), "Service"))


architecture(example)
architecture(approval_example)
REVIEWED = [defaults, all_options, express, imported, approvals_with_a_key]
BUILDS = [*REVIEWED, imported_for_approvals, two_in_one_stack, inside_a_stage]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [example, approval_example], ids=["workflow", "approval"])
def test_the_card_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).card == card_snapshot


@pytest.mark.parametrize(
    ("pattern", "build"), [(Workflow, example), (HumanApproval, approval_example)], ids=["workflow", "approval"]
)
def test_page(
    pattern: type[Construct], build: Callable[..., Any], synthesis: Synthesis, assert_page: Callable[..., None]
) -> None:
    assert_page(pattern, synthesis(build))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


@pytest.mark.parametrize("build", [example, approval_example], ids=["workflow", "approval"])
def test_what_the_examples_add_has_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    findings = synthesis(build).findings("AwsSolutions", "Serverless")
    assert [finding for finding in findings if "/FulfilOrder" not in finding] == []


def definition_of(built: Any) -> dict[str, Any]:
    (machine,) = built.resources("AWS::StepFunctions::StateMachine").values()
    written = machine["Properties"]["DefinitionString"]
    if isinstance(written, dict):
        parts = written["Fn::Join"][1]
        written = "".join(part if isinstance(part, str) else "<token>" for part in parts)
    definition: dict[str, Any] = json.loads(written)
    return definition


def statements(built: Any, prefix: str) -> list[dict[str, Any]]:
    return [
        statement
        for logical_id, policy in built.resources("AWS::IAM::Policy").items()
        if logical_id.startswith(prefix)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


@pytest.mark.parametrize(("build", "data"), [(defaults, False), (all_options, True), (express, False)])
def test_every_event_is_logged_and_contents_only_when_asked(
    build: Callable[..., Any], data: bool, synthesis: Synthesis
) -> None:
    (machine,) = synthesis(build).resources("AWS::StepFunctions::StateMachine").values()
    logging = machine["Properties"]["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", data)
    assert machine["Properties"]["TracingConfiguration"] == {"Enabled": True}


def test_an_execution_ends_in_time(synthesis: Synthesis) -> None:
    assert definition_of(synthesis(defaults))["TimeoutSeconds"] == 86_400
    assert definition_of(synthesis(all_options))["TimeoutSeconds"] == 7_200


def test_each_bad_end_raises_an_alarm(synthesis: Synthesis) -> None:
    standard, fast = (synthesis(build).result.alarms for build in (all_options, express))
    assert sorted(alarm.node.id for alarm in standard) == [
        "AbortedAlarm",
        "DeadLetterQueueAlarm",
        "DeadLetterQueueAlarm",
        "FailedAlarm",
        "ThrottledAlarm",
        "TimedOutAlarm",
    ]
    assert sorted(alarm.node.id for alarm in fast) == [
        "DeadLetterQueueAlarm",
        "FailedAlarm",
        "ThrottledAlarm",
        "TimedOutAlarm",
    ]
    assert synthesis(defaults).result.alarms == []


def test_a_failed_start_is_kept(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    queue = dead_letter_queue_of_starts(built)
    place = {"Arn": {"Fn::GetAtt": [queue, "Arn"]}}
    (rule,) = built.resources("AWS::Events::Rule").values()
    (schedule,) = built.resources("AWS::Scheduler::Schedule").values()
    assert rule["Properties"]["Targets"][0]["DeadLetterConfig"] == place
    assert schedule["Properties"]["Target"]["DeadLetterConfig"] == place
    assert synthesis(defaults).resources("AWS::SQS::Queue") == {}


def dead_letter_queue_of_starts(built: Any) -> str:
    (queue,) = [name for name in built.resources("AWS::SQS::Queue") if name.startswith("FulfilDeadLetterQueue")]
    return str(queue)


def test_a_message_starts_an_execution_or_is_kept(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    queues = {name[:-8]: (name, one["Properties"]) for name, one in built.resources("AWS::SQS::Queue").items()}
    _, queue = queues["FulfilOrdersQueue"]
    dead, _ = queues["FulfilOrdersDeadLetterQueue"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]}, "maxReceiveCount": 5}
    (function,) = [
        one["Properties"]
        for name, one in built.resources("AWS::Lambda::Function").items()
        if name.startswith("FulfilOrdersStarter")
    ]
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]
    (mapping,) = built.resources("AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 2}


@pytest.mark.parametrize(
    ("build", "allowed"),
    [
        (
            all_options,
            {
                "states:StartExecution",
                *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
                *("sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
                *("kms:Decrypt", "kms:GenerateDataKey", "s3:PutObject"),
            },
        ),
        (
            express,
            {
                *("states:StartExecution", "states:StartSyncExecution"),
                *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
                *("sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
            },
        ),
    ],
    ids=["all_options", "express"],
)
def test_the_starter_may_start_and_read_its_queue(
    build: Callable[..., Any], allowed: set[str], synthesis: Synthesis
) -> None:
    found = [
        (action, one["Resource"])
        for policy in synthesis(build).resources("AWS::IAM::Policy").values()
        if any("StarterFunctionRole" in role["Ref"] for role in policy["Properties"]["Roles"])
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
        if not action.startswith("logs:")
    ]
    assert {action for action, _ in found} == allowed
    assert not any(resource == "*" for _, resource in found)


def test_those_who_start_may_start_and_nothing_else(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    (machine,) = built.resources("AWS::StepFunctions::StateMachine")
    for prefix in ("Starter", "FulfilPlaced"):
        (statement,) = statements(built, prefix)
        assert (statement["Action"], statement["Resource"]) == ("states:StartExecution", {"Ref": machine})
    scheduled = statements(built, "FulfilScheduleRole")
    assert {"states:StartExecution", "sqs:SendMessage"} == {
        one["Action"] for one in scheduled if isinstance(one["Action"], str)
    }
    (started,) = statements(synthesis(express), "Starter")
    assert started["Action"] == ["states:StartExecution", "states:StartSyncExecution"]


def test_an_operator_may_redrive_and_not_start(synthesis: Synthesis) -> None:
    actions = {
        action
        for one in statements(synthesis(all_options), "Operator")
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    assert "states:RedriveExecution" in actions
    assert "states:StartExecution" not in actions
    assert "kms:Decrypt" in actions


def test_the_role_of_a_workflow_without_tasks_may_only_log_and_trace(synthesis: Synthesis) -> None:
    assert statements(synthesis(defaults), "FulfilRole") == []


def test_a_customer_managed_key_encrypts_all_of_it(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    key = {"Fn::GetAtt": [next(iter(built.resources("AWS::KMS::Key"))), "Arn"]}
    (machine,) = built.resources("AWS::StepFunctions::StateMachine").values()
    assert machine["Properties"]["EncryptionConfiguration"]["KmsKeyId"] == key
    for group in built.resources("AWS::Logs::LogGroup").values():
        assert group["Properties"]["KmsKeyId"] == key
    for queue in built.resources("AWS::SQS::Queue").values():
        assert queue["Properties"]["KmsMasterKeyId"] == key


def test_retries_come_later_each_time_and_not_for_lasting_errors(cdk_app: App) -> None:
    step = add_retry(task(Stack(cdk_app, "Shop"), "Pack"), never=["OutOfStock"])
    never, again = step.to_state_json()["Retry"]
    assert (never["MaxAttempts"], set(never["ErrorEquals"])) == (0, {*LASTING_ERRORS, "OutOfStock"})
    assert again["ErrorEquals"] == ["States.ALL"]
    assert (again["JitterStrategy"], again["BackoffRate"], again["MaxDelaySeconds"]) == ("FULL", 2, 60)


def test_a_saga_undoes_the_failed_step_and_those_before_it(synthesis: Synthesis) -> None:
    states = definition_of(synthesis(example))["States"]
    assert states["Reserve"]["Catch"][0]["Next"] == "Release"
    assert states["Charge"]["Catch"][0]["Next"] == "Refund"
    assert (states["Refund"]["Next"], states["Release"]["Next"]) == ("Release", "Undone")
    assert states["Undone"]["Type"] == "Fail"
    assert "JitterStrategy" in states["Refund"]["Retry"][1]


def test_a_map_is_bounded(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    each = for_each(stack, "Each", step=sfn.Pass(stack, "One"), items_path="$.items", result_path="$.done")
    state = each.to_state_json()
    assert (state["MaxConcurrency"], state["ItemsPath"], state["ResultPath"]) == (10, "$.items", "$.done")
    assert state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "INLINE"


def test_only_the_answer_function_reads_tokens(synthesis: Synthesis) -> None:
    built = synthesis(approval_example)
    (asking,) = statements(built, "OrdersRole")
    assert asking["Action"] == "dynamodb:PutItem"
    answering = [one["Action"] for one in statements(built, "ApprovalAnswerFunction")]
    assert ["dynamodb:DeleteItem", "dynamodb:GetItem"] in answering
    assert ["states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"] in answering


def test_a_question_expires(synthesis: Synthesis) -> None:
    state = definition_of(synthesis(approval_example))["States"]["Approve"]
    assert state["HeartbeatSeconds"] == 3 * 86_400
    assert state["Resource"].endswith(":dynamodb:putItem.waitForTaskToken")


def test_express_refuses_what_only_standard_can(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    approval = HumanApproval(stack, "Approval")
    with pytest.raises(InvalidOptionError, match=r"Shop/A: definition contains a step that waits for a task token"):
        Workflow(stack, "A", definition=approval.ask("Approve"), state_machine_type=EXPRESS)
    tolerant = for_each(stack, "Each", step=sfn.Pass(stack, "One"), tolerated_failure_percentage=5)
    with pytest.raises(InvalidOptionError, match="contains a step that has a distributed map"):
        Workflow(stack, "B", definition=tolerant, state_machine_type=EXPRESS)
    with pytest.raises(InvalidOptionError, match=r"timeout is 6 minutes. Use 1 second to 5 minutes"):
        Workflow(
            stack,
            "C",
            definition=sfn.Pass(stack, "Rest"),
            state_machine_type=EXPRESS,
            timeout=Duration.minutes(6),
        )


def test_a_definition_in_states_language_ends_in_time(cdk_app: App, tmp_path: Path) -> None:
    stack = Stack(cdk_app, "Shop")
    endless = json.dumps({"StartAt": "Rest", "States": {"Rest": {"Type": "Pass", "End": True}}})
    (tmp_path / "endless.json").write_text(endless)
    (tmp_path / "ends.json").write_text(json.dumps(ASL))
    with pytest.raises(InvalidOptionError, match="definition is without TimeoutSeconds"):
        Workflow(stack, "A", definition=sfn.DefinitionBody.from_string(endless))
    with pytest.raises(InvalidOptionError, match="definition is without TimeoutSeconds"):
        Workflow(stack, "B", definition=sfn.DefinitionBody.from_file(str(tmp_path / "endless.json")))
    Workflow(stack, "C", definition=sfn.DefinitionBody.from_file(str(tmp_path / "ends.json")))
    with pytest.raises(InvalidOptionError, match="timeout was given together with a definition"):
        Workflow(stack, "D", definition=sfn.DefinitionBody.from_string(endless), timeout=Duration.minutes(1))


def test_a_payload_that_cannot_be_an_input_is_refused(cdk_app: App) -> None:
    workflow = defaults(Stack(cdk_app, "Shop"))
    rate = scheduler.ScheduleExpression.rate(Duration.hours(1))
    with pytest.raises(InvalidOptionError, match="payload is no JSON"):
        workflow.start_on_schedule("A", schedule=rate, payload={"when": object()})
    with pytest.raises(InvalidOptionError, match=r"payload is 262,1.. bytes"):
        workflow.start_on_schedule("B", schedule=rate, payload={"text": "x" * 262_140})


def test_an_undo_that_would_lose_the_error_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    steps = [SagaStep(do=task(stack, "Charge"), undo=task(stack, "Refund"))]
    with pytest.raises(InvalidOptionError, match=r"steps.undo is Shop/Refund, whose result replaces"):
        add_saga(stack, "Undone", steps=steps)
    with pytest.raises(InvalidOptionError, match=r"Shop/None: steps is \[\]"):
        add_saga(stack, "None", steps=[])


def test_values_that_step_functions_would_refuse(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    step = task(stack, "Pack")
    with pytest.raises(InvalidOptionError, match="max_attempts is 0 retries"):
        add_retry(step, max_attempts=0)
    with pytest.raises(InvalidOptionError, match=r"max_delay is 10 seconds. Use more than interval"):
        add_retry(step, interval=Duration.seconds(10), max_delay=Duration.seconds(10))
    with pytest.raises(InvalidOptionError, match="never contains 'KeyError' twice"):
        add_retry(step, never=["KeyError"])
    with pytest.raises(InvalidOptionError, match="max_concurrency is 41 items"):
        for_each(stack, "Each", step=step, max_concurrency=41)
    with pytest.raises(InvalidOptionError, match="items_path is 'items'"):
        for_each(stack, "Each", step=step, items_path="items")
    with pytest.raises(InvalidOptionError, match="max_concurrency is 1 batches"):
        Workflow(stack, "Fulfil", definition=sfn.Pass(stack, "Rest")).start_on_message("Orders", max_concurrency=1)
    with pytest.raises(InvalidOptionError, match="expires_after is 30 seconds"):
        HumanApproval(stack, "Approval", expires_after=Duration.seconds(30))
