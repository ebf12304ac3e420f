"""Members of a room see its messages at once; the messages come from a fan-out that others listen to as well."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm

from cdp_constructs import QueueConsumer, RealtimeChannels, SnsSqsFanout, TokenIssuer

POWERTOOLS = "/aws/service/powertools/python/arm64/python3.14/latest"


def build(stack: Stack, issuer: TokenIssuer, operators: sns.ITopic) -> RealtimeChannels:
    """Add live rooms to a stack."""
    channels = RealtimeChannels(stack, "Channels", issuer=issuer, alarm_topic=operators)
    channels.add_namespace("rooms", subscribe_handler=room_membership(stack))

    messages = SnsSqsFanout(stack, "Messages", alarm_topic=operators)
    messages.add_subscriber("Live", consumer=QueueConsumer(channels.add_publisher("Publisher")))
    return channels


def room_membership(stack: Stack) -> lambda_.Function:
    """Add what answers whether a user is a member of a room: a function, and the table of members."""
    members = dynamodb.TableV2(
        stack,
        "Members",
        partition_key=dynamodb.Attribute(name="room", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="user", type=dynamodb.AttributeType.STRING),
    )
    powertools = ssm.StringParameter.value_for_string_parameter(stack, POWERTOOLS)
    function = lambda_.Function(
        stack,
        "RoomMembership",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "room_membership")),
        layers=[lambda_.LayerVersion.from_layer_version_arn(stack, "Powertools", powertools)],
        tracing=lambda_.Tracing.ACTIVE,
        environment={"TABLE_NAME": members.table_name},
    )
    members.grant(function, "dynamodb:GetItem")
    return function
