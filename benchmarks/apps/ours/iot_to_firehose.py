"""What devices measure is kept in S3, in columns, and can be queried."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import BatchLayer, TopicRule


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:
    """Add the rule, and what keeps its messages."""
    batch = BatchLayer(stack, name, columns={"temperature": "double"}, alarm_topic=operators)
    sql = "SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type FROM 'dt/home/+/+/climate'"
    batch.add_rule(TopicRule(stack, f"{name}Rule", sql=sql, description="What devices measure", alarm_topic=operators))
