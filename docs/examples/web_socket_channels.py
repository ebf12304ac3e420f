"""Members of a room see its messages at once, over a WebSocket API."""

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from cdp_constructs import QueueConsumer, SnsSqsFanout, TokenIssuer, WebSocketChannels


def build(
    stack: Stack,
    issuer: TokenIssuer,
    room_membership: lambda_.IFunction,
    operators: sns.ITopic,
) -> WebSocketChannels:
    """Add live rooms to a stack; the function that knows their members is the same as for RealtimeChannels."""
    channels = WebSocketChannels(stack, "Channels", issuer=issuer, alarm_topic=operators)
    channels.add_namespace("rooms", subscribe_handler=room_membership)

    messages = SnsSqsFanout(stack, "Messages", alarm_topic=operators)
    messages.add_subscriber("Live", consumer=QueueConsumer(channels.add_publisher("Publisher")))
    return channels
