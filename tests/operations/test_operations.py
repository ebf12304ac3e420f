"""What the operations package promises: alarms go to one topic and name their pages, and a dashboard has everything."""

import json
from typing import Any

import pytest
from aws_cdk import Annotations, App, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match, Template

from cdp_constructs import InvalidOptionError
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from cdp_constructs.core.runbooks import page_of, use_runbooks
from cdp_constructs.operations.alarm_topic import AlarmTopic, add_composite_alarm, warn_without_receiver
from cdp_constructs.operations.dashboards import StackContents, add_dashboard, graph
from cdp_constructs.operations.growth import add_growth_alarms
from cdp_constructs.operations.log_queries import CORRELATION_ID, add_log_queries
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.operations import ShopStack


def fill(stack: Stack, alarms: AlarmTopic) -> None:
    failed = add_dead_letter_queue(stack, "DeadLetterQueue", alarm_topic=alarms.topic, holds="failed orders")
    queue = add_work_queue(stack, "Orders", dead_letter_queue=failed, visibility_timeout=minutes(1))
    lambda_.Function(
        stack,
        "Worker",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
    )
    contents = StackContents(stack)
    add_composite_alarm(stack, "SystemAlarm", contents.alarms, alarm_topic=alarms.topic, what="the shop")
    orders = graph("Orders", queue.metric_number_of_messages_sent())
    add_dashboard(stack, "Dashboard", contents, rows=[[orders]], beside_queues=[graph("More")])


@architecture
def system(stack: Stack) -> None:
    use_runbooks(stack, "docs/runbooks/")
    fill(stack, AlarmTopic(stack, "Alarms", email="ops@example.com"))


@architecture
def without_runbooks(stack: Stack) -> None:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    fill(stack, AlarmTopic(stack, "Alarms", encryption_key=key))


@architecture
def documented(app: App) -> ShopStack:
    return ShopStack(app, "DocumentedShop")


def test_rule_packs_have_nothing_to_say(synthesis: Synthesis) -> None:
    assert synthesis(documented).findings("AwsSolutions", "Serverless") == []


def test_the_example_watches_all_that_the_fanout_made(synthesis: Synthesis) -> None:
    built = synthesis(documented)
    assert len(built.resources("AWS::CloudWatch::Alarm")) == 4
    assert {text.rpartition("Runbook: ")[2] for text in descriptions(built).values()} == {
        f"https://wiki.example.com/runbooks/{page}.md"
        for page in ("lost-messages", "dead-letter-queue", "subscription-dead-letter-queue", "mail-failures", "shop")
    }


def descriptions(built: Any) -> dict[str, str]:
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    return {
        name.rstrip("0123456789ABCDEF"): resource["Properties"]["AlarmDescription"]
        for kind in kinds
        for name, resource in built.resources(kind).items()
    }


def test_every_alarm_names_its_page_where_runbooks_are_set(synthesis: Synthesis) -> None:
    pages = {name: text.rpartition("Runbook: ")[2] for name, text in descriptions(synthesis(system)).items()}
    assert pages == {
        "DeadLetterQueueAlarm": "docs/runbooks/dead-letter-queue.md",
        "AlarmsMailFailuresAlarm": "docs/runbooks/mail-failures.md",
        "SystemAlarm": "docs/runbooks/system.md",
    }


def test_no_alarm_names_a_page_where_no_runbooks_are_set(synthesis: Synthesis) -> None:
    assert not [text for text in descriptions(synthesis(without_runbooks)).values() if " Runbook: " in text]


def test_runbooks_cannot_be_set_after_the_first_construct(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    sns.Topic(stack, "Topic")
    with pytest.raises(InvalidOptionError, match="has children already"):
        use_runbooks(stack, "docs/runbooks")


def test_a_page_is_named_by_the_alarms_id() -> None:
    names = {
        "DeadLetterQueueAlarm": "dead-letter-queue",
        "StreamAgeAlarm": "stream-age",
        "ap-northeast-1-Unhealthy": "unhealthy",
        "RegionAlarm": "region",
    }
    assert {name: page_of(name, "pages") for name in names} == {
        name: f"pages/{page}.md" for name, page in names.items()
    }


def test_cloudwatch_of_this_account_and_nobody_else_publishes_alarms(synthesis: Synthesis) -> None:
    [policy] = synthesis(system).resources("AWS::SNS::TopicPolicy").values()
    allowed = [s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    [statement] = allowed
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert "cloudwatch" in json.dumps(statement["Condition"]["ArnLike"])


def test_alarms_that_nobody_receives_are_a_warning_that_can_be_acknowledged() -> None:
    app = App()
    silent, acknowledged = (Stack(app, name) for name in ("Silent", "Acknowledged"))
    for stack in (silent, acknowledged):
        warn_without_receiver(stack, "shop.alarm_email")
    Annotations.of(acknowledged).acknowledge_warning("cdp-constructs:alarms-without-receiver")
    Found.from_stack(silent).has_warning("/Silent", Match.string_like_regexp("shop.alarm_email is not set"))
    Found.from_stack(acknowledged).has_no_warning("/Acknowledged", Match.any_value())


def test_the_dashboard_links_pages_and_logs_and_draws_thresholds(synthesis: Synthesis, cdk_app: App) -> None:
    [dashboard] = synthesis(documented).resources("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(dashboard)
    assert "[dead-letter-queue](https://wiki.example.com/runbooks/dead-letter-queue.md)" in body
    assert "#/stacks/events?stackId=" in body, "what was deployed, and when"
    [with_function] = synthesis(system).resources("AWS::CloudWatch::Dashboard").values()
    assert "#logsV2:log-groups/log-group/$252Faws$252Flambda$252F" in json.dumps(with_function)
    stack = Stack(cdk_app, "Lines")
    alarms = AlarmTopic(stack, "Alarms")
    add_dead_letter_queue(stack, "Failed", alarm_topic=alarms.topic, holds="orders")
    contents = StackContents(stack)
    widget = graph("Failed", alarms=[contents.alarm("FailedAlarm")])
    assert json.dumps(stack.resolve(widget.to_json())).count('"value": 1') == 1


def test_a_given_key_has_the_removal_policy_of_who_made_it(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Alarms")
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    with pytest.raises(
        InvalidOptionError, match=r"^Alarms/Topic: removal_policy was given together with encryption_key"
    ):
        AlarmTopic(stack, "Topic", encryption_key=key, removal_policy=RemovalPolicy.DESTROY)


def test_an_existing_key_is_used_and_none_is_made(synthesis: Synthesis) -> None:
    built = synthesis(without_runbooks)
    [key] = built.resources("AWS::KMS::Key")
    [topic] = built.resources("AWS::SNS::Topic").values()
    assert topic["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


def test_mails_that_cannot_be_delivered_are_kept_with_an_alarm(synthesis: Synthesis) -> None:
    [mail] = synthesis(system).resources("AWS::SNS::Subscription").values()
    assert (mail["Properties"]["Protocol"], mail["Properties"]["Endpoint"]) == ("email", "ops@example.com")
    assert "MailFailures" in json.dumps(mail["Properties"]["RedrivePolicy"])
    assert "AlarmsMailFailuresAlarm" in descriptions(synthesis(system))


def test_the_composite_alarm_is_on_with_any_other(synthesis: Synthesis) -> None:
    built = synthesis(system)
    [composite] = built.resources("AWS::CloudWatch::CompositeAlarm").values()
    parts = composite["Properties"]["AlarmRule"]["Fn::Join"][1]
    children = {part["Fn::GetAtt"][0] for part in parts if isinstance(part, dict)}
    assert children == set(built.resources("AWS::CloudWatch::Alarm"))
    assert composite["Properties"]["AlarmActions"] == composite["Properties"]["OKActions"]


def test_everything_of_the_stack_is_on_the_dashboard(synthesis: Synthesis) -> None:
    built = synthesis(system)
    [dashboard] = built.resources("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(dashboard)
    for kind in ("AWS::CloudWatch::Alarm", "AWS::SQS::Queue", "AWS::Lambda::Function"):
        assert [name for name in built.resources(kind) if f'"{name}"' not in body] == []
    for text in ("Orders", "More", "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "Throttles"):
        assert text in body


def test_the_queue_is_watched_by_its_age_and_its_dead_letters_by_their_number(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    plain = sqs.Queue(stack, "Plain")
    contents = StackContents(stack)
    assert contents.queues == {"Plain": plain}
    assert (contents.alarms, contents.functions) == ([], {})


def test_a_dead_letter_queue_that_grows_has_an_alarm_without_a_recovery(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Grown")
    topic = sns.Topic(stack, "Topic")
    for number in range(11):
        add_dead_letter_queue(stack, f"Failed{number:02}", alarm_topic=topic, holds="orders")
    sqs.Queue(stack, "Unwatched")
    contents = StackContents(stack)
    alarms = add_growth_alarms(stack, "DeadLetters", contents, alarm_topic=topic)
    assert [alarm.node.path for alarm in alarms] == ["Grown/DeadLetters/GrowthAlarm", "Grown/DeadLetters2/GrowthAlarm"]
    assert contents.alarms[-2:] == alarms
    found = Template.from_stack(stack).find_resources(
        "AWS::CloudWatch::Alarm", {"Properties": {"Metrics": Match.any_value()}}
    )
    second, first = (alarm["Properties"] for _, alarm in sorted(found.items()))
    assert len(first["Metrics"]) == 1 + 10
    assert len(second["Metrics"]) == 1 + 1
    assert "OKActions" not in first
    [expression] = [metric["Expression"] for metric in second["Metrics"] if "Expression" in metric]
    assert expression == "SUM([IF(DIFF(q0) > 0 AND q0 > DIFF(q0), DIFF(q0), 0)])"


def queries_of(stack: Stack) -> dict[str, dict[str, Any]]:
    found = Template.from_stack(stack).find_resources("AWS::Logs::QueryDefinition")
    return {item["Properties"]["Name"]: item["Properties"] for item in found.values()}


def test_saved_queries_search_all_log_groups_of_the_stack(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Asked")
    groups = [stack.resolve(logs.LogGroup(stack, f"Log{number}").log_group_name) for number in range(2)]
    made = add_log_queries(stack, "LogQueries", StackContents(stack))
    assert [query.node.path for query in made] == ["Asked/LogQueries/OneId", "Asked/LogQueries/Errors"]
    found = queries_of(stack)
    assert set(found) == {"Asked/One id", "Asked/Errors by function"}
    assert all(query["LogGroupNames"] == groups for query in found.values())
    assert f"filter @message like /{CORRELATION_ID}/" in found["Asked/One id"]["QueryString"]
    assert "count(*) as errors" in found["Asked/Errors by function"]["QueryString"]


def test_a_query_searches_no_more_log_groups_than_aws_allows(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Large")
    for number in range(51):
        logs.LogGroup(stack, f"Log{number}")
    add_log_queries(stack, "LogQueries", StackContents(stack))
    assert {name: len(query["LogGroupNames"]) for name, query in queries_of(stack).items()} == {
        "Large/One id": 50,
        "Large/Errors by function": 50,
        "Large/One id (2)": 1,
        "Large/Errors by function (2)": 1,
    }


def test_a_stack_without_log_groups_has_no_queries(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Silent")
    assert add_log_queries(stack, "LogQueries", StackContents(stack)) == []
