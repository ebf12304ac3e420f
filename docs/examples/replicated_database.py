"""Orders in a database with two readers; the shop's service may connect, and a report as a user of its own."""

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from cdp_constructs import ReplicatedDatabase


def build(stack: Stack) -> ReplicatedDatabase:
    """Add the database and a function that reads from it to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    database = ReplicatedDatabase(
        stack, "Orders", database_name="orders", readers=2, max_readers=6, alarm_topic=operators
    )
    report = lambda_.Function(
        stack,
        "Report",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): return 'nothing to report'"),
        tracing=lambda_.Tracing.ACTIVE,
        vpc=database.vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        environment={**database.environment, "DATABASE_USER": "report"},
    )
    database.grant_connect(report, user="report")
    return database
