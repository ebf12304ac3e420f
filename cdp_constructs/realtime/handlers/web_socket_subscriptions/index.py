"""Answers the clients of a WebSocket API, and keeps who is subscribed to which channel.

A client sends ``{"action": "subscribe", "channel": "/rooms/one"}``, ``unsubscribe`` in the same form, and ``ping`` to
keep a silent connection from being closed after ten minutes. The function that the channel's namespace names decides
about a subscription; it gets the event that AppSync Events would send.
"""

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from pydantic_core import from_json

from ..channels.grammar import normalised
from .decisions import RefusedError, SubscribeHandlers
from .environment import Environment
from .table import Subscriptions

logger = Logger()
# A client waits for the answer, and API Gateway for at most 29 seconds.
config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
environment = Environment.read()
LONGEST_CHANNEL = 5 * 51 + 1
handlers = SubscribeHandlers(environment.subscribe_handlers, config)
subscriptions = Subscriptions(environment.table_name, config)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one route of the API."""
    del context
    request = event["requestContext"]
    route, connection = request["routeKey"], request["connectionId"]
    if route == "$connect":
        # The sub-protocol that the client offered beside its token; browsers insist on an answer.
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "channels"}}
    if route == "$disconnect":
        subscriptions.remove_all(connection)
        return {"statusCode": 200}
    if route == "ping":
        return reply({"type": "ka"})
    if route not in {"subscribe", "unsubscribe"}:
        return reply({"type": "error", **errors("BadRequestException", "The actions are subscribe, unsubscribe, ping")})
    named = channel_in(event.get("body"))
    try:
        channel = channel_of(named)
        if route == "unsubscribe":
            subscriptions.remove(channel, connection)
        else:
            handlers.check(channel, request)
            subscriptions.add(channel, request)
    except RefusedError as error:
        refusal = errors("UnauthorizedException", str(error))
        return reply({"type": f"{route}_error", "channel": named, **refusal})
    return reply({"type": f"{route}_success", "channel": channel})


def channel_in(body: str | None) -> str:
    """Return the channel that a client's message names; "" when it names none, or none that the answer can repeat."""
    try:
        message = from_json(body or "", allow_inf_nan=False)
    except (TypeError, ValueError):  # no JSON, or no text
        return ""
    named = str(message.get("channel", "")) if isinstance(message, dict) else ""
    return named if len(named) <= LONGEST_CHANNEL else ""


def channel_of(named: str) -> str:
    """Return the normalised channel.

    Raises:
        RefusedError: when it is not a single channel.
    """
    channel = normalised(named)
    if channel is None:
        raise RefusedError("There is no such channel")
    return channel


def errors(kind: str, message: str) -> dict[str, Any]:
    """Return an error as AppSync Events writes it."""
    return {"errors": [{"errorType": kind, "message": message}]}


def reply(message: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that API Gateway sends to the client."""
    return {"statusCode": 200, "body": json.dumps(message)}
