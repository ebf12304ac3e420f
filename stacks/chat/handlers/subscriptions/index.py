"""Decides who may subscribe to a room's channel: its members, and only to the channel that the room has now.

AppSync takes access tokens and ID tokens of the user pool; here only access tokens count, as at the HTTP API.
"""

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from ..domain import channels, rooms
from ..domain.table import connect

logger = Logger()
region = os.environ["AWS_REGION"]
table = connect(os.environ["TABLE_NAME"])

# The same for all reasons: who is not in the room learns nothing.
REFUSED = {"error": "there is no such channel for you; ask GET /rooms/{room} for the room's channel"}


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, str] | None:
    """Accept a subscription (None), or refuse it with an error.

    Both reads are strongly consistent. When somebody leaves between the answer and the subscription, they listen on a
    channel that the room has left.
    """
    # Half a surrogate pair can neither be looked up nor logged.
    channel = str(event["info"]["channel"]["path"]).encode(errors="backslashreplace").decode()
    user = str(event["identity"]["sub"])
    room = channels.room_of(channel) if event["identity"]["claims"].get("token_use") == "access" else None
    if room is None or not rooms.is_member(table, user, room) or channels.look_up(table, room, region) != channel:
        logger.info("Subscription refused", channel=channel, user=user)
        return REFUSED
    return None
