"""An order and the event that it was placed are written at once; billing handles each event once."""

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from cdp_constructs import TransactionalOutbox


def build(stack: Stack) -> TransactionalOutbox:
    """Add the outbox of a shop's orders to a stack, and the function that takes orders."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    place = lambda_.Function(
        stack,
        "PlaceOrder",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "place_order")),
        timeout=Duration.seconds(10),
        tracing=lambda_.Tracing.ACTIVE,
    )
    outbox = TransactionalOutbox(stack, "Orders", alarm_topic=operators)
    outbox.share_with(place, partitions=["ORDER"])
    outbox.fanout.add_subscriber("Billing", filter_policy={"type": ["order.placed"]})
    return outbox
