"""What SnsSqsFanout promises in its templates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, QueueConsumer, SnsSqsFanout
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.orders_stack import Orders
from docs.examples.sns_sqs_fanout import build as example

ORDER_ARCHIVE = Path(__file__).parents[2] / "docs/examples/order_archive"
TOKYO = Environment(region="ap-northeast-1")
OREGON = Environment(region="us-west-2")
TOPIC_ARN = "arn:aws:sns:us-east-1:111122223333:existing"
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def archiver(scope: Stack, construct_id: str = "Archiver") -> lambda_.Function:
    return add_function(
        scope,
        construct_id,
        handler=ORDER_ARCHIVE,
        description="Archives orders",
        invocation=Invocation.EVENT_SOURCE,
        environment={"TABLE_NAME": "orders"},
        timeout=Duration.seconds(20),
    )


@architecture
def defaults(stack: Stack) -> SnsSqsFanout:
    fanout = SnsSqsFanout(stack, "Messages")
    fanout.add_subscriber("Archive")
    return fanout


@architecture
def all_options(stack: Stack) -> SnsSqsFanout:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    fanout = SnsSqsFanout(stack, "Messages", encryption_key=key, alarm_topic=alarms)
    fanout.add_subscriber(
        "Archive",
        consumer=QueueConsumer(
            archiver(stack),
            batch_size=50,
            batching_window=Duration.seconds(5),
            max_concurrency=20,
            visibility_timeout=Duration.minutes(5),
            max_receive_count=7,
        ),
        filter_policy={"kind": ["order", {"prefix": "return-"}], "total": [{"numeric": [">", 0]}]},
        raw_message_delivery=False,
    )
    fanout.add_subscriber("Nested", filter_policy={"order": {"country": ["JP", "US"]}}, filter_on="body")
    fanout.grant_publish(iam.Role(stack, "Publisher", assumed_by=iam.ServicePrincipal("iot.amazonaws.com")))
    fanout.grant_publish(iam.ServicePrincipal("s3.amazonaws.com"), source_arn="arn:aws:s3:::photos")
    fanout.grant_publish(iam.ServicePrincipal("events.amazonaws.com"))
    return fanout


@architecture
def fifo(stack: Stack) -> SnsSqsFanout:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    fanout = SnsSqsFanout(stack, "Ledger", fifo=True, content_based_deduplication=True, alarm_topic=alarms)
    fanout.add_subscriber("Booking", consumer=QueueConsumer(archiver(stack, "Booker"), max_concurrency=2))
    return fanout


@architecture
def imported_by_arn(stack: Stack) -> SnsSqsFanout:
    fanout = SnsSqsFanout(
        stack,
        "Messages",
        topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN),
        encryption_key=kms.Key.from_key_arn(stack, "Key", KEY_ARN),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )
    handler = lambda_.Function.from_function_attributes(
        stack,
        "Handler",
        function_arn="arn:aws:lambda:us-east-1:111122223333:function:archiver",
        role=iam.Role.from_role_arn(stack, "HandlerRole", "arn:aws:iam::111122223333:role/archiver"),
        same_environment=True,
    )
    fanout.add_subscriber("Archive", consumer=QueueConsumer(handler, visibility_timeout=Duration.minutes(1)))
    fanout.grant_publish(iam.Role.from_role_arn(stack, "Publisher", "arn:aws:iam::111122223333:role/publisher"))
    return fanout


@architecture
def existing_in_the_same_app(stack: Stack) -> SnsSqsFanout:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    topic = sns.Topic(stack, "Topic", master_key=key, enforce_ssl=True)
    fanout = SnsSqsFanout(stack, "Messages", topic=topic)
    fanout.add_subscriber("Archive")
    fanout.grant_publish(iam.ServicePrincipal("ses.amazonaws.com"))
    return fanout


@architecture
def two_in_one_stack(stack: Stack) -> list[SnsSqsFanout]:
    fanouts = [SnsSqsFanout(stack, "Orders"), SnsSqsFanout(stack, "Returns")]
    for fanout in fanouts:
        fanout.add_subscriber("Archive")
    return fanouts


@architecture
def in_a_stage(app: App) -> None:
    stage = Stage(app, "FanoutStage")
    SnsSqsFanout(Stack(stage, "Shop"), "Messages", fifo=True).add_subscriber("Archive")


@architecture
def in_another_stack_of_the_region(app: App) -> None:
    shop = Stack(app, "FanoutShop")
    archive = Stack(app, "FanoutArchive")
    alarms = sns.Topic(shop, "Alarms", enforce_ssl=True)
    fanout = SnsSqsFanout(shop, "Messages", alarm_topic=alarms)
    fanout.add_remote_subscriber(archive, "Archive", consumer=QueueConsumer(archiver(archive)))


@architecture
def between_two_regions(app: App) -> None:
    stacks = {name: Stack(app, f"Fanout{name}", env=env) for name, env in (("Tokyo", TOKYO), ("Oregon", OREGON))}
    alarms = {name: sns.Topic(stack, "Alarms", enforce_ssl=True) for name, stack in stacks.items()}
    for here, there in (("Tokyo", "Oregon"), ("Oregon", "Tokyo")):
        fanout = SnsSqsFanout(stacks[here], "Messages", alarm_topic=alarms[here])
        fanout.add_subscriber("Here")
        fanout.add_remote_subscriber(
            stacks[there],
            f"From{here}",
            consumer=QueueConsumer(archiver(stacks[there])),
            encryption_key=kms.Key(stacks[there], "RemoteKey", enable_key_rotation=True),
            alarm_topic=alarms[there],
        )


@architecture
def fifo_into_another_region(app: App) -> None:
    fanout = SnsSqsFanout(Stack(app, "FanoutLedgerTokyo", env=TOKYO), "Ledger", fifo=True)
    fanout.add_remote_subscriber(Stack(app, "FanoutLedgerOregon", env=OREGON), "Booking")


@architecture
def with_an_opt_in_region(app: App) -> None:
    virginia = Stack(app, "FanoutVirginia", env=Environment(region="us-east-1"))
    hong_kong = Stack(app, "FanoutHongKong", env=Environment(region="ap-east-1"))
    for here, there in ((virginia, hong_kong), (hong_kong, virginia)):
        fanout = SnsSqsFanout(here, "Messages")
        fanout.add_subscriber("Here")
        fanout.add_remote_subscriber(there, "There")


@architecture
def documented(stack: Stack) -> SnsSqsFanout:
    return example(stack)


@architecture
def of_the_readme(app: App) -> Stack:
    return Orders(app, "Orders")


REVIEWED = [all_options, fifo, defaults, imported_by_arn, between_two_regions]
EVERY_FANOUT = [
    *REVIEWED,
    existing_in_the_same_app,
    two_in_one_stack,
    in_a_stage,
    in_another_stack_of_the_region,
    fifo_into_another_region,
]


@pytest.mark.parametrize("build", REVIEWED)
def test_architecture_for_reviewers(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(SnsSqsFanout, synthesis(documented))


@pytest.mark.parametrize("build", EVERY_FANOUT)
def test_rule_packs_have_nothing_to_say(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_the_example_of_the_readme_synthesises(synthesis: Synthesis) -> None:
    assert len(synthesis(of_the_readme).resources("AWS::SNS::Subscription")) == 2


def test_the_documented_example_synthesises(synthesis: Synthesis) -> None:
    assert len(synthesis(documented).resources("AWS::SNS::Subscription")) == 2


@pytest.mark.parametrize("build", EVERY_FANOUT)
def test_every_queue_is_encrypted_and_tls_only(build: Callable[..., Any], synthesis: Synthesis) -> None:
    for template in synthesis(build).templates.values():
        resources = template["Resources"]
        queues = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::SQS::Queue"}
        tls_only = {
            policy["Properties"]["Queues"][0]["Ref"]
            for policy in resources.values()
            if policy["Type"] == "AWS::SQS::QueuePolicy"
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            and statement["Action"] == "sqs:*"
        }
        assert tls_only == set(queues)
        for properties in queues.values():
            assert properties.get("SqsManagedSseEnabled") or "KmsMasterKeyId" in properties


@pytest.mark.parametrize("build", [defaults, all_options, fifo])
def test_a_made_topic_is_encrypted_and_tls_only(build: Callable[..., Any], synthesis: Synthesis) -> None:
    built = synthesis(build)
    topic = next(t for name, t in built.resources("AWS::SNS::Topic").items() if not name.startswith("Alarms"))
    assert "Fn::GetAtt" in topic["Properties"]["KmsMasterKeyId"]
    denied = [
        statement["Action"]
        for policy in built.resources("AWS::SNS::TopicPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert "sns:Publish" in denied


@pytest.mark.parametrize("build", EVERY_FANOUT)
def test_no_failure_is_dropped(build: Callable[..., Any], synthesis: Synthesis) -> None:
    built = synthesis(build)
    queues = built.resources("AWS::SQS::Queue")
    dead_letters = {name for name, queue in queues.items() if "RedrivePolicy" not in queue["Properties"]}
    for queue in queues.values():
        if "RedrivePolicy" in queue["Properties"]:
            target = queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
            assert target in dead_letters
            dead_letters.remove(target)
    for subscription in built.resources("AWS::SNS::Subscription").values():
        target = subscription["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        dead_letters.remove(target)
    assert dead_letters == set()


@pytest.mark.parametrize("build", [all_options, fifo, imported_by_arn, between_two_regions])
def test_every_place_for_failures_has_an_alarm(build: Callable[..., Any], synthesis: Synthesis) -> None:
    built = synthesis(build)
    queues = built.resources("AWS::SQS::Queue")
    dead_letters = {name for name, queue in queues.items() if "RedrivePolicy" not in queue["Properties"]}
    watched = set()
    for alarm in built.resources("AWS::CloudWatch::Alarm").values():
        properties = alarm["Properties"]
        assert properties["AlarmActions"]
        if properties["MetricName"] == "ApproximateNumberOfMessagesVisible":
            assert (properties["Threshold"], properties["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
            watched.add(properties["Dimensions"][0]["Value"]["Fn::GetAtt"][0])
    assert watched == dead_letters


def test_an_alarm_tells_when_sns_lost_a_message(synthesis: Synthesis) -> None:
    synthesis(all_options).template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"MetricName": "NumberOfNotificationsFailedToRedriveToDlq", "Statistic": "Sum", "Threshold": 1},
    )


def test_no_alarms_without_somebody_to_notify(synthesis: Synthesis) -> None:
    synthesis(defaults).template.resource_count_is("AWS::CloudWatch::Alarm", 0)


def test_only_the_topic_may_send_to_a_subscribers_queue(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    (topic,) = built.resources("AWS::SNS::Topic")
    policies = built.resources("AWS::SQS::QueuePolicy").values()
    allowed = [
        statement
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert len(allowed) == 2  # the queue and the subscription's dead-letter queue, not the queue's
    for statement in allowed:
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": topic}}}


def test_a_consumer_may_read_its_queue_and_nothing_else(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    (policy,) = (p for name, p in built.resources("AWS::IAM::Policy").items() if name.startswith("ArchiverRoleDefault"))
    used = {
        name
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for name in _names(statement["Resource"])
    }
    assert {name.rstrip("0123456789ABCDEF") for name in used} == {"ArchiverLogs", "Key", "MessagesArchiveQueue"}


def test_a_publisher_may_publish_and_use_the_key_for_it(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    (policy,) = (p for name, p in built.resources("AWS::IAM::Policy").items() if name.startswith("Publisher"))
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    granted = {tuple(_listed(s["Action"])): _names(s["Resource"])[0].rstrip("0123456789ABCDEF") for s in statements}
    assert granted == {("sns:Publish",): "MessagesTopic", ("kms:Decrypt", "kms:GenerateDataKey"): "Key"}


def test_a_service_publishes_for_this_account_and_source_only(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    source = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::photos"}}
    assert _services(built, "AWS::SNS::TopicPolicy", "s3.amazonaws.com") == [
        (["sns:Publish"], {**account, **source}),
    ]
    assert _services(built, "AWS::KMS::Key", "s3.amazonaws.com") == [
        (["kms:Decrypt", "kms:GenerateDataKey"], account),
    ]


def test_eventbridge_is_granted_without_the_conditions_that_it_cannot_meet(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    assert _services(built, "AWS::SNS::TopicPolicy", "events.amazonaws.com") == [(["sns:Publish"], None)]
    assert _services(built, "AWS::KMS::Key", "events.amazonaws.com") == [(["kms:Decrypt", "kms:GenerateDataKey"], None)]


def test_a_service_is_granted_on_a_topic_of_the_same_app_and_its_key(synthesis: Synthesis) -> None:
    built = synthesis(existing_in_the_same_app)
    assert len(_services(built, "AWS::SNS::TopicPolicy", "ses.amazonaws.com")) == 1
    assert len(_services(built, "AWS::KMS::Key", "ses.amazonaws.com")) == 1


@pytest.mark.parametrize("build", [defaults, all_options, fifo, existing_in_the_same_app])
def test_sns_may_use_the_key_for_topics_of_this_account_only(build: Callable[..., Any], synthesis: Synthesis) -> None:
    ((actions, condition),) = _services(synthesis(build), "AWS::KMS::Key", "sns.amazonaws.com")
    assert actions == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert condition is not None
    pattern = condition["ArnLike"]["aws:SourceArn"]["Fn::Join"][1]
    assert {"Ref": "AWS::AccountId"} in pattern
    assert pattern[-1] == ":*"


def test_a_consumer_reports_failed_items_and_is_bounded(synthesis: Synthesis) -> None:
    synthesis(all_options).template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": 20},
            "BatchSize": 50,
            "MaximumBatchingWindowInSeconds": 5,
        },
    )


def test_a_message_stays_hidden_six_times_the_handlers_timeout(synthesis: Synthesis) -> None:
    synthesis(fifo).template.has_resource_properties("AWS::SQS::Queue", {"VisibilityTimeout": 120})


def test_filters_say_what_they_look_at(synthesis: Synthesis) -> None:
    subscriptions = synthesis(all_options).resources("AWS::SNS::Subscription")
    found = {
        name.rstrip("0123456789ABCDEF"): (s["Properties"].get("FilterPolicyScope"), s["Properties"]["FilterPolicy"])
        for name, s in subscriptions.items()
    }
    assert found == {
        "MessagesArchiveSubscription": (
            None,
            {"kind": ["order", {"prefix": "return-"}], "total": [{"numeric": [">", 0]}]},
        ),
        "MessagesNestedSubscription": ("MessageBody", {"order": {"country": ["JP", "US"]}}),
    }


def test_messages_are_raw_unless_asked_otherwise(synthesis: Synthesis) -> None:
    synthesis(defaults).template.has_resource_properties("AWS::SNS::Subscription", {"RawMessageDelivery": True})
    synthesis(all_options).template.has_resource_properties(
        "AWS::SNS::Subscription", {"RawMessageDelivery": False, "Protocol": "sqs"}
    )


def test_fifo_goes_all_the_way(synthesis: Synthesis) -> None:
    built = synthesis(fifo)
    built.template.has_resource_properties("AWS::SNS::Topic", {"FifoTopic": True, "ContentBasedDeduplication": True})
    queues = built.resources("AWS::SQS::Queue").values()
    assert len(queues) == 3
    assert all(queue["Properties"]["FifoQueue"] is True for queue in queues)


def test_nothing_is_made_or_changed_of_what_was_brought(synthesis: Synthesis) -> None:
    template = synthesis(imported_by_arn).template
    for made in ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::KMS::Key", "AWS::Lambda::Function"):
        template.resource_count_is(made, 0)
    template.has_resource_properties("AWS::SNS::Subscription", {"TopicArn": TOPIC_ARN})
    template.all_resources_properties("AWS::SQS::Queue", {"KmsMasterKeyId": KEY_ARN})


def test_who_imports_a_key_is_told_what_its_policy_must_allow(synthesis: Synthesis) -> None:
    warnings = [finding for finding in synthesis(imported_by_arn).findings() if "imported key" in finding]
    assert len(warnings) == 1
    assert "sns.amazonaws.com kms:Decrypt and kms:GenerateDataKey" in warnings[0]


def test_a_topic_of_another_stack_is_not_held_up_by_its_subscribers(synthesis: Synthesis) -> None:
    templates = synthesis(in_another_stack_of_the_region).templates
    shop = {resource["Type"] for resource in templates["FanoutShop"]["Resources"].values()}
    archive = {resource["Type"] for resource in templates["FanoutArchive"]["Resources"].values()}
    assert "AWS::SNS::Topic" in shop
    assert not shop & {"AWS::SQS::Queue", "AWS::SNS::Subscription"}
    assert {"AWS::SQS::Queue", "AWS::SNS::Subscription", "AWS::Lambda::EventSourceMapping"} <= archive


def test_two_regions_subscribe_to_each_other_by_name(synthesis: Synthesis) -> None:
    templates = synthesis(between_two_regions).templates
    queue = _one(templates["FanoutOregon"], "AWS::SQS::Queue", "FromTokyoQueue")["QueueName"]
    topic = _one(templates["FanoutTokyo"], "AWS::SNS::Topic", "MessagesTopic")["TopicName"]
    subscription = _one(templates["FanoutTokyo"], "AWS::SNS::Subscription", "MessagesFromTokyoSubscription")
    assert subscription["Endpoint"] == _arn("arn:aws:sqs:us-west-2:", f":{queue}")
    policy = _one(templates["FanoutOregon"], "AWS::SQS::QueuePolicy", "FromTokyoQueuePolicy")
    (allowed,) = (s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow")
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": _arn("arn:aws:sns:ap-northeast-1:", f":{topic}")}}


def test_the_subscription_and_its_dead_letter_queue_stay_with_the_topic(synthesis: Synthesis) -> None:
    tokyo = synthesis(between_two_regions).templates["FanoutTokyo"]
    subscription = _one(tokyo, "AWS::SNS::Subscription", "MessagesFromTokyoSubscription")
    target = subscription["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert tokyo["Resources"][target]["Type"] == "AWS::SQS::Queue"


def test_a_key_of_the_other_region_lets_sns_of_the_topics_region_in(synthesis: Synthesis) -> None:
    oregon = synthesis(between_two_regions).templates["FanoutOregon"]
    statements = _one(oregon, "AWS::KMS::Key", "RemoteKey")["KeyPolicy"]["Statement"]
    (allowed,) = (s for s in statements if s["Principal"] == {"Service": "sns.amazonaws.com"})
    assert allowed["Condition"] == {"ArnLike": {"aws:SourceArn": _arn("arn:aws:sns:ap-northeast-1:", ":*")}}


@pytest.mark.parametrize("stack", ["FanoutVirginia", "FanoutHongKong"])
def test_sns_delivers_as_the_opt_in_region_that_takes_part(synthesis: Synthesis, stack: str) -> None:
    template = synthesis(with_an_opt_in_region).templates[stack]
    principals = {
        queue: next(
            statement["Principal"]["Service"]
            for statement in _one(template, "AWS::SQS::QueuePolicy", f"{queue}QueuePolicy")["PolicyDocument"][
                "Statement"
            ]
            if statement["Effect"] == "Allow"
        )
        for queue in ("MessagesHere", "There")
    }
    assert principals == {"MessagesHere": "sns.amazonaws.com", "There": "sns.ap-east-1.amazonaws.com"}


def test_regions_wait_for_each_other_neither_by_reference_nor_by_order(synthesis: Synthesis) -> None:
    for template in synthesis(between_two_regions).templates.values():
        text = str(template)
        assert "Fn::ImportValue" not in text
        assert "Custom::CrossRegion" not in text
        assert template.get("Outputs", {}) == {}


def test_a_fifo_queue_of_another_region_is_named_as_sqs_wants_it(synthesis: Synthesis) -> None:
    templates = synthesis(fifo_into_another_region).templates
    queue = _one(templates["FanoutLedgerOregon"], "AWS::SQS::Queue", "BookingQueue")["QueueName"]
    topic = _one(templates["FanoutLedgerTokyo"], "AWS::SNS::Topic", "LedgerTopic")["TopicName"]
    assert queue.endswith(".fifo")
    assert topic.endswith(".fifo")


def test_metrics_name_topic_and_queues(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Metrics")
    fanout = SnsSqsFanout(stack, "Messages")
    subscriber = fanout.add_subscriber("Archive")
    assert fanout.metric_published().metric_name == "NumberOfMessagesPublished"
    assert fanout.metric_failed().metric_name == "NumberOfNotificationsFailed"
    oldest = subscriber.metric_lag(period=Duration.minutes(5))
    assert (oldest.metric_name, oldest.period.to_minutes()) == ("ApproximateAgeOfOldestMessage", 5)
    assert oldest.dimensions == {"QueueName": subscriber.queue.queue_name}
    assert subscriber.metric_dead_letters().dimensions == {"QueueName": subscriber.dead_letter_queue.queue_name}


def test_alarms_are_those_of_the_fanout_and_its_subscribers(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Alarmed")
    fanout = SnsSqsFanout(stack, "Messages", alarm_topic=sns.Topic(stack, "Alarms"))
    fanout.add_subscriber("Archive")
    assert {alarm.node.path.removeprefix("Alarmed/Messages/") for alarm in fanout.alarms} == {
        "LostMessagesAlarm",
        "Archive/DeadLetterQueueAlarm",
        "Archive/SubscriptionDeadLetterQueueAlarm",
    }
    assert SnsSqsFanout(stack, "Silent").alarms == []


def test_a_subscriber_may_have_a_key_and_an_alarm_topic_of_its_own(cdk_app: App) -> None:
    stack = Stack(cdk_app, "OwnKey")
    key = kms.Key(stack, "Key")
    subscriber = SnsSqsFanout(stack, "Messages").add_subscriber(
        "Archive", encryption_key=key, alarm_topic=sns.Topic(stack, "Alarms")
    )
    assert subscriber.queue.encryption_master_key is key
    assert subscriber.subscription_dead_letter_queue.encryption_master_key is not key  # it is the topic's
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::CloudWatch::Alarm", 2)


def test_a_key_that_is_created_here_follows_the_removal_policy(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Removed")
    SnsSqsFanout(stack, "Messages", removal_policy=RemovalPolicy.DESTROY)
    Template.from_stack(stack).has_resource("AWS::KMS::Key", {"DeletionPolicy": "Delete"})


def test_retain_beside_an_existing_topic_is_what_it_gets_anyway(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Retained")
    fanout = SnsSqsFanout(
        stack,
        "Messages",
        topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN),
        removal_policy=RemovalPolicy.RETAIN,
    )
    assert fanout.topic.topic_arn == TOPIC_ARN


def _add(**options: Any) -> Callable[[Stack], object]:
    return lambda stack: SnsSqsFanout(stack, "Messages").add_subscriber("Archive", **options)


def _consume(*, fifo: bool | None = None, **options: Any) -> Callable[[Stack], object]:
    return lambda stack: SnsSqsFanout(stack, "Messages", fifo=fifo).add_subscriber(
        "Archive", consumer=QueueConsumer(archiver(stack), **options)
    )


def _with_topic(**options: Any) -> Callable[[Stack], object]:
    return lambda stack: SnsSqsFanout(
        stack, "Messages", topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN), **options
    )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_with_topic(fifo=True), "Messages: fifo was given together with topic"),
        (_with_topic(removal_policy=RemovalPolicy.DESTROY), "removal_policy was given together with topic"),
        (_with_topic(content_based_deduplication=True), "content_based_deduplication was given together with topic"),
        (
            lambda stack: SnsSqsFanout(stack, "Messages", content_based_deduplication=False),
            "content_based_deduplication was given for a standard topic",
        ),
        (_add(filter_policy={}), "Messages/Archive: filter_policy has 0 keys"),
        (_add(filter_policy={str(n): ["a"] for n in range(6)}), r"filter_policy has 6 keys\. Use 1 to 5 keys"),
        (_add(filter_policy={"a": list("x" * 13), "b": list("y" * 12)}), "filter_policy has 156 combinations"),
        (
            _add(filter_policy={"a": {"b": {"c": [1] * 17}}, "d": ["e", "f", "g"]}, filter_on="body"),
            "filter_policy has 153 combinations",
        ),
        (_add(filter_policy={"a": {"b": ["c"]}}), r'filter_policy is nested.*Give filter_on="body"'),
        (_add(filter_policy={"a": []}), r"filter_policy contains \[\] for 'a'"),
        (_add(filter_policy={"a": "b"}), r"filter_policy contains 'b' for 'a'\. Give a list"),
        (_add(filter_on="body"), "filter_on is 'body' without a filter_policy"),
        (_add(filter_policy={"a": ["b"]}, filter_on="envelope"), "filter_on is 'envelope'. Use one of \"attributes\""),
        (_consume(max_receive_count=0), r"max_receive_count is 0 deliveries\. Use 1 to 1,000"),
        (_consume(max_concurrency=1), r"max_concurrency is 1 batches\. Use 2 to 1,000"),
        (_consume(batch_size=10_001, batching_window=Duration.seconds(1)), "batch_size is 10,001 messages"),
        (_consume(batch_size=11), "batch_size is 11 without batching_window"),
        (_consume(batching_window=Duration.minutes(6)), "batching_window is 6 minutes"),
        (_consume(visibility_timeout=Duration.hours(13)), "visibility_timeout is 13 hours"),
        (_consume(fifo=True, batch_size=11), r"batch_size is 11 without batching_window.*FIFO queue takes at most 10"),
        (_consume(fifo=True, batching_window=Duration.seconds(1)), "batching_window was given for a FIFO queue"),
        (
            _consume(visibility_timeout=Duration.seconds(119)),
            r"visibility_timeout is 119 seconds\. Use 2 minutes to",
        ),
        (
            _consume(batching_window=Duration.seconds(5), visibility_timeout=Duration.seconds(124)),
            r"visibility_timeout is 124 seconds\. Use 125 seconds to",
        ),
        (
            lambda stack: QueueConsumer(lambda_.Function.from_function_name(stack, "Imported", "imported")),
            "QueueConsumer of Refused/Imported: function is Refused/Imported, which was imported without its role",
        ),
        (
            lambda stack: QueueConsumer(
                lambda_.Function.from_function_attributes(
                    stack,
                    "Imported",
                    function_arn="arn:aws:lambda:us-east-1:111122223333:function:imported",
                    role=iam.Role.from_role_name(stack, "ImportedRole", "imported"),
                )
            ),
            "QueueConsumer of Refused/Imported: visibility_timeout is missing",
        ),
        (
            lambda stack: SnsSqsFanout(stack, "Messages").grant_publish(
                iam.ServicePrincipal("events.amazonaws.com"), source_arn="arn:aws:events:us-east-1:1:rule/a"
            ),
            "source_arn was given for events.amazonaws.com",
        ),
        (
            lambda stack: SnsSqsFanout(stack, "Messages").grant_publish(
                iam.AccountRootPrincipal(), source_arn="arn:aws:s3:::photos"
            ),
            "source_arn was given for a grantee that is not an AWS service",
        ),
        (
            lambda stack: SnsSqsFanout(
                stack, "Messages", topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN)
            ).grant_publish(iam.ServicePrincipal("s3.amazonaws.com")),
            "topic is Refused/Topic, which was imported, so that its policy cannot be extended for s3.amazonaws.com",
        ),
        (
            lambda stack: SnsSqsFanout(stack, "Messages").add_remote_subscriber(
                Stack(stack.node.root, "Tokyo", env=TOKYO), "Archive"
            ),
            "scope is 'Tokyo' in aws://unknown-account/ap-northeast-1",
        ),
    ],
)
def test_bad_input_is_refused_where_it_is_given(cdk_app: App, build: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        build(Stack(cdk_app, "Refused"))


def test_a_topic_of_another_region_is_refused_with_the_way_to_do_it(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused", env=TOKYO)
    topic = sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN)
    with pytest.raises(InvalidOptionError, match=r"is in us-east-1, but the stack is in ap-northeast-1\..*add_remote"):
        SnsSqsFanout(stack, "Messages", topic=topic)


def test_another_region_needs_an_alarm_topic_of_its_own(cdk_app: App) -> None:
    tokyo, oregon = Stack(cdk_app, "Tokyo", env=TOKYO), Stack(cdk_app, "Oregon", env=OREGON)
    alarms = sns.Topic(tokyo, "Alarms")
    fanout = SnsSqsFanout(tokyo, "Messages", alarm_topic=alarms)
    with pytest.raises(InvalidOptionError, match="alarm_topic of us-west-2"):
        fanout.add_remote_subscriber(oregon, "Oregon")
    with pytest.raises(InvalidOptionError, match="alarm_topic is in ap-northeast-1"):
        fanout.add_remote_subscriber(oregon, "Oregon2", alarm_topic=alarms)


def test_a_topic_takes_200_filter_policies(cdk_app: App) -> None:
    fanout = SnsSqsFanout(Stack(cdk_app, "Full"), "Messages")
    fanout._quotas.filter_policies = 199  # 200 subscribers would take a minute to make
    fanout.add_subscriber("Last", filter_policy={"a": ["b"]})
    fanout.add_subscriber("Unfiltered")
    with pytest.raises(InvalidOptionError, match="filter_policy is number 201 of the topic"):
        fanout.add_subscriber("Refused", filter_policy={"a": ["b"]})


def test_a_fifo_topic_takes_100_subscriptions(cdk_app: App) -> None:
    fanout = SnsSqsFanout(Stack(cdk_app, "Full"), "Messages", fifo=True)
    fanout._quotas.subscriptions = 99  # 100 subscribers would take half a minute to make
    fanout.add_subscriber("Last")
    with pytest.raises(InvalidOptionError, match=r"the topic gets subscription number 101. Use at most 100"):
        fanout.add_subscriber("Refused")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names(resource: Any) -> list[str]:
    """Logical ids that a policy's Resource refers to; anything else as it is, so that a * shows."""
    return [
        item["Fn::GetAtt"][0]
        if "Fn::GetAtt" in item
        else item.get("Ref", str(item))
        if isinstance(item, dict)
        else item
        for item in _listed(resource)
    ]


def _services(built: Any, resource_type: str, service: str) -> list[tuple[list[str], dict[str, Any] | None]]:
    """Actions and condition of each statement for a service in policies of one type."""
    return [
        (_listed(statement["Action"]), statement.get("Condition"))
        for resource in built.resources(resource_type).values()
        for statement in resource["Properties"].get("PolicyDocument", resource["Properties"].get("KeyPolicy"))[
            "Statement"
        ]
        if statement["Principal"] == {"Service": service}
    ]


def _one(template: dict[str, Any], resource_type: str, prefix: str) -> dict[str, Any]:
    (properties,) = (
        resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == resource_type and name[:-8] == prefix
    )
    return properties  # type: ignore[no-any-return]


def _arn(start: str, end: str) -> dict[str, Any]:
    return {"Fn::Join": ["", [start, {"Ref": "AWS::AccountId"}, end]]}
