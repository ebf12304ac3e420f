"""What TopicRule promises in its templates."""

from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdp_constructs import InvalidOptionError, TopicRule
from cdp_constructs.iot.sql import select
from cdp_constructs.testing import Synthesis, architecture

SQL = select("*, topic(4) AS thing", "dt/home/+/+/climate", "temperature > 30")


@architecture
def every_action(stack: Stack) -> TopicRule:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    rule = TopicRule(stack, "Rule", sql=SQL, description="Warm rooms", alarm_topic=alarms)
    rule.add_queue(sqs.Queue.from_queue_arn(stack, "Queue", "arn:aws:sqs:us-east-1:111122223333:warm"))
    rule.add_topic(sns.Topic(stack, "Topic", master_key=key, enforce_ssl=True))
    rule.add_stream(
        kinesis.Stream(stack, "Stream", encryption=kinesis.StreamEncryption.MANAGED), partition_key="${topic(4)}"
    )
    delivery = firehose.DeliveryStream.from_delivery_stream_arn(
        stack, "Delivery", "arn:aws:firehose:us-east-1:111122223333:deliverystream/warm"
    )
    rule.add_delivery_stream(delivery, batch=True)
    rule.add_function(
        lambda_.Function.from_function_arn(stack, "Function", "arn:aws:lambda:us-east-1:111122223333:function:warm")
    )
    rule.add_action(
        iot.CfnTopicRule.ActionProperty(
            republish=iot.CfnTopicRule.RepublishActionProperty(topic="warm", role_arn=rule.role.role_arn)
        ),
        allow=iam.PolicyStatement(actions=["iot:Publish"], resources=["arn:aws:iot:us-east-1:111122223333:topic/warm"]),
    )
    return rule


@architecture
def existing_dead_letter_queue(stack: Stack) -> TopicRule:
    queue = sqs.Queue.from_queue_arn(stack, "Errors", "arn:aws:sqs:us-east-1:111122223333:errors")
    return TopicRule(stack, "Rule", sql=SQL, description="Warm rooms", dead_letter_queue=queue)


def payload(built: Any) -> dict[str, Any]:
    [rule] = built.resources("AWS::IoT::TopicRule").values()
    found: dict[str, Any] = rule["Properties"]["TopicRulePayload"]
    return found


def test_rule_has_its_actions_and_a_place_for_failures(synthesis: Synthesis) -> None:
    found = payload(synthesis(every_action))
    assert [next(iter(action)) for action in found["Actions"]] == [
        *("Sqs", "Sns", "Kinesis", "Firehose", "Lambda", "Republish")
    ]
    assert found["Sql"] == "SELECT *, topic(4) AS thing FROM 'dt/home/+/+/climate' WHERE temperature > 30"
    assert found["ErrorAction"]["Sqs"]["UseBase64"] is False
    [queue] = synthesis(every_action).resources("AWS::SQS::Queue")
    assert found["ErrorAction"]["Sqs"]["QueueUrl"] == {"Ref": queue}


def test_role_may_do_what_the_actions_do_and_no_more(synthesis: Synthesis) -> None:
    [policy] = synthesis(every_action).resources("AWS::IAM::Policy").values()
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    allowed: set[str] = set()
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        allowed |= set(actions)
        assert statement["Resource"] != "*"
    assert allowed == {
        *("sqs:SendMessage", "sns:Publish", "kinesis:PutRecord", "firehose:PutRecord", "firehose:PutRecordBatch"),
        *("kms:Decrypt", "kms:GenerateDataKey", "iot:Publish"),
    }


def test_only_this_account_s_rules_use_the_role(synthesis: Synthesis) -> None:
    [role] = synthesis(every_action).resources("AWS::IAM::Role").values()
    [statement] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "iot.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_failures_and_losses_raise_alarms(synthesis: Synthesis) -> None:
    built = synthesis(every_action)
    alarms = {
        alarm["Properties"].get("MetricName"): alarm for alarm in built.resources("AWS::CloudWatch::Alarm").values()
    }
    assert alarms.keys() == {"ApproximateNumberOfMessagesVisible", None}
    [query] = alarms[None]["Properties"]["Metrics"]
    [rule] = built.resources("AWS::IoT::TopicRule")
    # By the rule's name alone: AWS IoT emits it with a second dimension, and as a metric with one it does not exist.
    assert query["Expression"] == {
        "Fn::Join": ["", ['SELECT SUM(ErrorActionFailure) FROM "AWS/IoT" WHERE RuleName = \'', {"Ref": rule}, "'"]]
    }


def test_existing_dead_letter_queue_is_used(synthesis: Synthesis) -> None:
    built = synthesis(existing_dead_letter_queue)
    assert built.resources("AWS::SQS::Queue") == {}
    assert "errors" in str(payload(built)["ErrorAction"])


def test_rule_packs_have_nothing_to_say(synthesis: Synthesis) -> None:
    for build in (every_action, existing_dead_letter_queue):
        assert synthesis(build).findings("AwsSolutions", "Serverless") == []


@pytest.mark.parametrize(
    "topic_filter",
    [
        "spBv1.0/+/DDATA/#",
        "v3/app@ttn/devices/+/up",
        "aws/td/device/x///m/+",
        "/dev/+/data",
        "zigbee2mqtt/Living Room/+",
        "工場/+/温度",
        "#",
        "$aws/iotwireless/events/#",
        "$aws/events/presence/connected/+",
        "$aws/things/+/shadow/name/+/update/documents",
    ],
)
def test_topics_of_others_are_taken(cdk_app: App, topic_filter: str) -> None:
    sql = select("*", topic_filter)
    rule = TopicRule(Stack(cdk_app, "Stack"), "Rule", sql=sql, description="").rule
    written = rule.topic_rule_payload
    assert isinstance(written, iot.CfnTopicRule.TopicRulePayloadProperty)
    assert written.sql == sql


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT *",
        "SELECT * FROM 'dt/#/x'",
        "SELECT * FROM 'dt/a+'",
        "SELECT * FROM ''",
        "SELECT * FROM '$SYS/#'",
        "SELECT * FROM '1/2/3/4/5/6/7/8/9'",
    ],
)
def test_sql_that_aws_iot_would_refuse(cdk_app: App, sql: str) -> None:
    with pytest.raises(InvalidOptionError, match="sql"):
        TopicRule(Stack(cdk_app, "Stack"), "Rule", sql=sql, description="")


def test_eleventh_action_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    rule = TopicRule(stack, "Rule", sql=SQL, description="")
    queue = sqs.Queue(stack, "Queue")
    for _ in range(10):
        rule.add_queue(queue)
    with pytest.raises(InvalidOptionError, match="actions has 11 entries"):
        rule.add_queue(queue)
