"""Products in memory; the function that shows them may connect."""

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from cdp_constructs import InMemoryCache


def build(stack: Stack) -> InMemoryCache:
    """Add the cache and a function that uses it to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    cache = InMemoryCache(stack, "Products", replicas=2, alarm_topic=operators)
    shop = lambda_.Function(
        stack,
        "Shop",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): return 'nothing to sell'"),
        tracing=lambda_.Tracing.ACTIVE,
        vpc=cache.vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        environment=dict(cache.environment),
    )
    cache.grant_connect(shop)
    return cache
