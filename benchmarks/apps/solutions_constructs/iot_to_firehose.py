"""What devices measure is kept in S3, as it comes."""

from aws_cdk import Stack
from aws_cdk import aws_iot as iot
from aws_cdk import aws_sns as sns
from aws_solutions_constructs.aws_iot_kinesisfirehose_s3 import IotToKinesisFirehoseToS3

_SQL = "SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type FROM 'dt/home/+/+/climate'"


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:  # noqa: ARG001 - it has no alarms
    """Add the rule, and what keeps its messages."""
    payload = iot.CfnTopicRule.TopicRulePayloadProperty(sql=_SQL, description="What devices measure", actions=[])
    IotToKinesisFirehoseToS3(stack, name, iot_topic_rule_props=iot.CfnTopicRuleProps(topic_rule_payload=payload))
