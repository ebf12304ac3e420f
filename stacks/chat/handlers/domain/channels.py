"""The live channel of a room in one Region: ``/rooms/<room>/<generation>``.

The membership is checked once, when a user subscribes. To cut off who leaves, the room moves to a new channel: its next
generation. An event asks members to follow, and the membership is checked again when they subscribe there.

Every Region has generations of its own, because each publishes to its own live API only, and because it may accept
subscriptions of a new generation only once it knows itself who has left.
"""

import re
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import table as keys
from .resources import NAMESPACE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

# The generation of a room that nobody has left: it needs no item.
_FIRST = "0"
# Ten random bytes: long enough never to come twice. It is no secret, the subscription is checked.
_BYTES = 10
_PATH = re.compile(rf"/{NAMESPACE}/(?P<room>[A-Za-z0-9-]{{1,50}})/(?P<generation>[0-9a-f]{{1,50}})", flags=re.ASCII)


def path(room: str, generation: str) -> str:
    """Return the name of a channel."""
    return f"/{NAMESPACE}/{room}/{generation}"


def room_of(channel: str) -> str | None:
    """Return the room of one exact channel; None for wildcards and everything else."""
    found = _PATH.fullmatch(channel)
    return found["room"] if found else None


def current(item: keys.Item | None, room: str) -> str:
    """Return the channel that an item of ``channel_key`` (or its absence) stands for."""
    return path(room, str(item["generation"]) if item else _FIRST)


def look_up(table: "Table", room: str, region: str) -> str:
    """Return the room's channel in a Region as it is now."""
    return current(keys.get(table, keys.channel_key(room, region)), room)


def look_up_many(table: "Table", rooms: Iterable[str], region: str) -> dict[str, str]:
    """Return by room the channels in a Region as they are now."""
    key_of = {room: keys.channel_key(room, region) for room in rooms}
    found = keys.get_many(table, key_of.values())
    return {room: current(found.get(key), room) for room, key in key_of.items()}


def move(room: str, region: str) -> dict[str, Any]:
    """Return the update that moves a room to its next channel, for UpdateItem or a transaction.

    The item says which channel was left, so that the publisher can announce the new one there.
    """
    return {
        "Key": keys.as_key(keys.channel_key(room, region)),
        "UpdateExpression": "SET previous = if_not_exists(generation, :first), generation = :next",
        "ExpressionAttributeValues": {":first": _FIRST, ":next": secrets.token_hex(_BYTES)},
    }
