"""Existing resources: what a pattern cannot work with is refused, and of imported ones a warning says what to do."""

from collections.abc import Callable

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match

from cdp_constructs import (
    DirectHosting,
    FanoutNotification,
    InvalidOptionError,
    QueueConsumer,
    RealtimeChannels,
    SignInUserPool,
    SnsSqsFanout,
    SpeedLayer,
    StateSharing,
    StorageIndex,
    TransactionalOutbox,
    UserDataStore,
)
from cdp_constructs.iot.device_fleet import DeviceFleet

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
FUNCTION_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders"


@pytest.fixture
def stack(cdk_app: App) -> Stack:
    return Stack(cdk_app, "Shop", env=Environment(account=ACCOUNT, region="us-east-1"))


def table(stack: Stack, partition_key: str = "pk", sort_key: str | None = "sk") -> dynamodb.Table:
    string = dynamodb.AttributeType.STRING
    return dynamodb.Table(
        stack,
        "Given",
        partition_key=dynamodb.Attribute(name=partition_key, type=string),
        sort_key=None if sort_key is None else dynamodb.Attribute(name=sort_key, type=string),
        time_to_live_attribute="expires_at",
    )


def consumer(stack: Stack, arn: str = FUNCTION_ARN) -> QueueConsumer:
    return QueueConsumer(
        lambda_.Function.from_function_arn(stack, "Consumer", arn), visibility_timeout=Duration.minutes(1)
    )


def twice(stack: Stack) -> None:
    fanout = SnsSqsFanout(stack, "Orders")
    fanout.add_subscriber("A")
    fanout.add_subscriber("A")


def own_alarm_topic(stack: Stack) -> None:
    topic = sns.Topic(stack, "Given")
    SnsSqsFanout(stack, "Orders", topic=topic, alarm_topic=topic)


def no_context(stack: Stack) -> None:
    fleet = DeviceFleet(stack, "Fleet", app="shop", contexts=["home"])
    FanoutNotification(stack, "Alerts", fleet=fleet).add_subscriber("A", contexts=[])


def namespace(stack: Stack) -> None:
    channels = RealtimeChannels(stack, "Live", issuer=SignInUserPool(stack, "Users").issuer)
    channels.add_namespace("Api", subscribe_handler=lambda_.Function.from_function_arn(stack, "F", FUNCTION_ARN))


REFUSED: list[tuple[Callable[[Stack], object], str]] = [
    (lambda stack: StateSharing(stack, "State", table=table(stack, "id", None)), "it has the partition key id.*sk"),
    (
        lambda stack: TransactionalOutbox(stack, "Orders", table=table(stack, "id", None)),
        "it has the partition key id.*sk",
    ),
    (lambda stack: SpeedLayer(stack, "Speed", measures=["a"], table=table(stack, "pk", None)), "and no sort key.*sk"),
    (
        lambda stack: StorageIndex(
            stack,
            "Index",
            bucket=s3.Bucket(stack, "Files", event_bridge_enabled=True),
            table=table(stack, "object", None),
        ),
        "index ByOwner of the table has no such index.*ByOwner",
    ),
    (
        lambda stack: UserDataStore(stack, "Saves", table=table(stack, "pk", "sk")),
        "index by_change of the table has no such index.*local secondary index by_change with the sort key change",
    ),
    (consumer, "function is Shop/Consumer, which was imported without its role.*role="),
    (
        lambda stack: SnsSqsFanout(stack, "Orders").grant_publish(
            lambda_.Function.from_function_arn(stack, "Shop", FUNCTION_ARN)
        ),
        "grantee is Shop/Shop, which was imported without its role",
    ),
    (
        lambda stack: StateSharing(
            stack,
            "State",
            table=dynamodb.Table.from_table_arn(
                stack, "Theirs", f"arn:aws:dynamodb:us-east-1:{OTHER_ACCOUNT}:table/theirs"
            ),
        ),
        f"table is in account {OTHER_ACCOUNT}, but the stack is in account {ACCOUNT}",
    ),
    (
        lambda stack: DirectHosting(
            stack, "Site", zone=route53.HostedZone.from_hosted_zone_id(stack, "Zone", "Z123"), domain_names=["a.com"]
        ),
        "zone is Shop/Zone, whose name is not known.*from_hosted_zone_attributes",
    ),
    (lambda stack: SnsSqsFanout(stack.node.root, "Orders"), "scope is .*in no stack"),  # type: ignore[arg-type]
    (lambda stack: SnsSqsFanout(stack, "Orders").add_subscriber("Topic"), "construct_id is 'Topic'.*taken"),
    (lambda stack: SnsSqsFanout(stack, "Orders").add_subscriber("A/B"), "construct_id is 'A/B'.*no slash"),
    (twice, "construct_id is 'A'.*taken"),
    (
        lambda stack: SnsSqsFanout(stack, "Orders").add_remote_subscriber(
            Stack(stack.node.root, "Tokyo", env=Environment(account=ACCOUNT, region="ap-northeast-1")),  # type: ignore[arg-type]
            "Topic",
        ),
        "Shop/Orders: construct_id is 'Topic'.*taken",
    ),
    (own_alarm_topic, "alarm_topic is this fan-out's own topic"),
    (no_context, r"contexts is \[\].*leave contexts out"),
    (namespace, "name is 'Api', which is a part of this construct"),
]


@pytest.mark.parametrize(("build", "message"), REFUSED)
def test_what_cannot_work_is_refused_with_the_fix(stack: Stack, build: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        build(stack)


def test_imported_resources_have_a_warning_that_says_what_they_need(stack: Stack) -> None:
    topic = sns.Topic.from_topic_arn(stack, "Operators", f"arn:aws:sns:us-east-1:{ACCOUNT}:operators")
    index = StorageIndex(
        stack,
        "Index",
        bucket=s3.Bucket.from_bucket_name(stack, "Files", "files-of-the-shop"),
        table=dynamodb.TableV2.from_table_name(stack, "Given", "given"),
        alarm_topic=topic,
    )
    annotations = Annotations.from_stack(stack)
    annotations.has_warning(f"/{index.node.path}", Match.string_like_regexp("Shop/Given is not checked.*ByOwner"))
    annotations.has_warning(f"/{index.node.path}", Match.string_like_regexp("Shop/Files.*EventBridge"))
    annotations.has_warning("/Shop/Operators", Match.string_like_regexp("cloudwatch.amazonaws.com publish"))
