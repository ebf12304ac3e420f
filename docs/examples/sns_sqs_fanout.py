"""An order is announced once; the archive gets all orders, the fraud check only large ones."""

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm

from cdp_constructs import QueueConsumer, SnsSqsFanout

POWERTOOLS = "/aws/service/powertools/python/arm64/python3.14/latest"


def build(stack: Stack) -> SnsSqsFanout:
    """Add the fan-out of a shop's orders to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))

    orders = SnsSqsFanout(stack, "Orders", alarm_topic=operators)
    orders.add_subscriber("Archive", consumer=QueueConsumer(order_archive(stack)))
    orders.add_subscriber("FraudCheck", filter_policy={"total": [{"numeric": [">=", 1000]}]}, filter_on="body")
    orders.grant_publish(iam.Role(stack, "Shop", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
    return orders


def order_archive(stack: Stack) -> lambda_.Function:
    """Add the consumer: a function, and the table that it archives orders in."""
    table = dynamodb.TableV2(
        stack, "OrderArchive", partition_key=dynamodb.Attribute(name="order_id", type=dynamodb.AttributeType.STRING)
    )
    powertools = ssm.StringParameter.value_for_string_parameter(stack, POWERTOOLS)
    function = lambda_.Function(
        stack,
        "ArchiveOrders",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "order_archive")),
        layers=[lambda_.LayerVersion.from_layer_version_arn(stack, "Powertools", powertools)],
        timeout=Duration.seconds(10),
        tracing=lambda_.Tracing.ACTIVE,
        environment={"TABLE_NAME": table.table_name},
    )
    table.grant(function, "dynamodb:PutItem")
    return function
