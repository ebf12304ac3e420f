"""What TransactionalOutbox promises in its templates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, RemovalPolicy, Stack, Stage
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, SnsSqsFanout, TransactionalOutbox
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.transactional_outbox import build as example

WRITER = Path(__file__).parents[2] / "docs/examples/place_order"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/existing"
STREAM_ARN = f"{TABLE_ARN}/stream/2027-01-15T00:00:00.000"
TOPIC_ARN = "arn:aws:sns:us-east-1:111122223333:existing"


def writer(stack: Stack) -> lambda_.Function:
    return add_function(stack, "Writer", handler=WRITER, description="Writes", invocation=Invocation.REQUEST)


@architecture
def defaults(stack: Stack) -> TransactionalOutbox:
    return TransactionalOutbox(stack, "Orders")


@architecture
def all_options(stack: Stack) -> TransactionalOutbox:
    outbox = TransactionalOutbox(
        stack,
        "Orders",
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    outbox.share_with(writer(stack), partitions=["ORDER", "CUSTOMER"])
    outbox.fanout.add_subscriber("Billing")
    return outbox


@architecture
def existing_in_the_same_app(stack: Stack) -> TransactionalOutbox:
    table = dynamodb.TableV2(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        time_to_live_attribute="expires_at",
        dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    return TransactionalOutbox(stack, "Orders", table=table, fanout=SnsSqsFanout(stack, "Events"))


@architecture
def imported(stack: Stack) -> TransactionalOutbox:
    outbox = TransactionalOutbox(
        stack,
        "Orders",
        table=dynamodb.TableV2.from_table_attributes(stack, "Table", table_arn=TABLE_ARN, table_stream_arn=STREAM_ARN),
        fanout=SnsSqsFanout(stack, "Events", topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN)),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", f"{TOPIC_ARN}-alarms"),
    )
    outbox.share_with(writer(stack), partitions=["ORDER"])
    return outbox


@architecture
def imported_without_its_stream(stack: Stack) -> TransactionalOutbox:
    return TransactionalOutbox(stack, "Orders", table=dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN))


@architecture
def two_in_one_stack(stack: Stack) -> list[TransactionalOutbox]:
    outboxes = [TransactionalOutbox(stack, name) for name in ("Orders", "Returns")]
    function = writer(stack)
    for outbox, variable in zip(outboxes, ("ORDERS", "RETURNS"), strict=True):
        outbox.share_with(function, partitions=["ORDER"], variable=variable)
    return outboxes


@architecture
def inside_a_stage(app: App) -> TransactionalOutbox:
    return defaults(Stack(Stage(app, "TransactionalOutboxStage"), "Service"))


architecture(example)
REVIEWED = [defaults, all_options, existing_in_the_same_app, imported]
BUILDS = [*REVIEWED, imported_without_its_stream, two_in_one_stack, inside_a_stage]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(TransactionalOutbox, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_what_the_example_adds_has_no_open_finding(synthesis: Synthesis) -> None:
    assert [one for one in synthesis(example).findings("AwsSolutions", "Serverless") if "/PlaceOrder" not in one] == []


def statements(built: Any, prefix: str) -> list[dict[str, Any]]:
    policies = built.resources("AWS::IAM::Policy")
    (policy,) = [policy for logical_id, policy in policies.items() if logical_id.startswith(prefix)]
    found: list[dict[str, Any]] = policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def test_a_writer_reaches_its_items_and_only_puts_events_and_marks(synthesis: Synthesis) -> None:
    granted = {
        tuple(one["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]): one["Action"]
        for one in statements(synthesis(all_options), "Writer")
        if "Condition" in one
    }
    assert granted["OUTBOX#*", "INBOX#*"] == "dynamodb:PutItem"
    assert set(granted) == {("OUTBOX#*", "INBOX#*"), ("ORDER#*", "CUSTOMER#*")}
    assert {action.partition(":")[0] for action in granted["ORDER#*", "CUSTOMER#*"]} == {"dynamodb"}
    assert not {"dynamodb:Scan", "dynamodb:*"} & set(granted["ORDER#*", "CUSTOMER#*"])


def test_the_publisher_reads_the_stream_and_not_the_table(synthesis: Synthesis) -> None:
    actions = {
        action
        for one in statements(synthesis(defaults), "OrdersFunction")
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    assert {action for action in actions if action.startswith("dynamodb:")} == {
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
    }


@pytest.mark.parametrize("build", [defaults, existing_in_the_same_app, imported], ids=lambda build: build.__name__)
def test_only_events_wake_the_publisher_and_failures_are_kept(build: Callable[..., Any], synthesis: Synthesis) -> None:
    (mapping,) = synthesis(build).resources("AWS::Lambda::EventSourceMapping").values()
    properties = mapping["Properties"]
    (pattern,) = properties["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"])["dynamodb"]["Keys"] == {"pk": {"S": [{"prefix": "OUTBOX#"}]}}
    assert properties["BisectBatchOnFunctionError"] is True
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "OnFailure" in properties["DestinationConfig"]


def test_an_imported_table_is_read_at_the_stream_that_it_names(synthesis: Synthesis) -> None:
    (mapping,) = synthesis(imported).resources("AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["EventSourceArn"] == STREAM_ARN
    assert synthesis(imported).resources("Custom::TableStream") == {}


def test_the_stream_of_an_imported_table_is_looked_up_at_deployment(synthesis: Synthesis) -> None:
    assert len(synthesis(imported_without_its_stream).resources("Custom::TableStream")) == 1


def test_each_failure_raises_an_alarm(synthesis: Synthesis) -> None:
    own = [alarm.node.id for alarm in synthesis(all_options).result.alarms if "Fanout" not in alarm.node.path]
    assert sorted(own) == ["DeadLetterQueueAlarm", "RecordDeadLetterQueueAlarm", "StreamAgeAlarm"]
    assert synthesis(defaults).result.alarms == []


def test_the_table_is_kept_protected_and_recoverable(synthesis: Synthesis) -> None:
    (table,) = synthesis(defaults).resources("AWS::DynamoDB::GlobalTable").values()
    (replica,) = table["Properties"]["Replicas"]
    assert table["DeletionPolicy"] == "Retain"
    assert replica["DeletionProtectionEnabled"] is True
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["Properties"]["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"


def test_a_customer_managed_key_encrypts_all_of_it(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    key = {"Fn::GetAtt": [next(iter(built.resources("AWS::KMS::Key"))), "Arn"]}
    for queue in built.resources("AWS::SQS::Queue").values():
        assert queue["Properties"]["KmsMasterKeyId"] == key
    groups = built.resources("AWS::Logs::LogGroup")
    (group,) = [group for logical_id, group in groups.items() if logical_id.startswith("Orders")]
    assert group["Properties"]["KmsKeyId"] == key


def test_a_table_without_a_stream_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        time_to_live_attribute="expires_at",
    )
    with pytest.raises(InvalidOptionError, match="it has no stream"):
        TransactionalOutbox(stack, "Orders", table=table)


def test_a_fifo_fanout_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    fanout = SnsSqsFanout(stack, "Events", fifo=True)
    with pytest.raises(InvalidOptionError, match=r"Shop/Orders: fanout .*FIFO"):
        TransactionalOutbox(stack, "Orders", fanout=fanout)


@pytest.mark.parametrize("partitions", [[], "ORDER", [""], ["ORDER#"], ["*"], ["OUTBOX"], ["ORDER", "INBOX"]])
def test_partitions_that_would_reach_too_much_are_refused(cdk_app: App, partitions: Any) -> None:
    stack = Stack(cdk_app, "Shop")
    outbox = TransactionalOutbox(stack, "Orders")
    with pytest.raises(InvalidOptionError, match="partitions"):
        outbox.share_with(writer(stack), partitions=partitions)


def test_metrics_are_those_of_the_publisher(cdk_app: App) -> None:
    outbox = TransactionalOutbox(Stack(cdk_app, "Shop"), "Orders")
    for metric in (outbox.metric_published(), outbox.metric_rejected()):
        assert metric.dimensions["service"] == "Function"  # type: ignore[index]
    assert outbox.metric_lag().metric_name == "IteratorAge"


def test_grant_of_a_role_is_returned(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    assert isinstance(TransactionalOutbox(stack, "Orders").share_with(writer(stack), partitions=["ORDER"]), iam.Grant)
