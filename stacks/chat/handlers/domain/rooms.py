"""Rooms and who is in them. A user who is not in a room cannot find out that it exists."""

import random
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from . import channels
from . import table as keys
from .resources import ROOMS_OF_USER

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, QueryInputTableQueryTypeDef

LARGEST_ROOM = 500
"""Most members: every answer about a room names all of them, and every message may be a notice to each."""
LEFT_SECONDS = 30 * 24 * 3600
"""How long a mark of leaving is kept: longer than any stream, queue or dead-letter queue holds back an older write."""

# Two people leave at once, or somebody leaves twice: the second waits for the first.
_TRIES = 5
_PAUSE = 0.05


class RoomNotFoundError(Exception):
    """There is no such room, or the user is not in it, or the invite code is wrong: the user cannot tell which."""


class RoomFullError(Exception):
    """The room has as many members as it can have."""


class RoomChangedError(Exception):
    """Others changed the room at the same moment, every time; nothing was changed."""


def create(table: "Table", user: str, name: str) -> dict[str, str]:
    """Create a room with its creator in it. Others join with the invite code; only the creator gets it."""
    room, invite_code, now = str(uuid4()), new_invite_code(), timestamp()
    described = {"room": room, "name": name, "created_by": user, "created_at": now, "invite_code": invite_code}
    items = [
        # "room" stays out of the room's own item: the index of memberships is made of items that have it.
        keys.as_key(keys.room_key(room)) | {key: value for key, value in described.items() if key != "room"},
        _membership(room, user, now),
    ]
    table.meta.client.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}
            for item in items
        ]
    )
    return described


def new_invite_code() -> str:
    """Return a code that nobody can guess."""
    return secrets.token_urlsafe(16)


def join(
    table: "Table", user: str, room: str, invite_code: str, *, spend: Callable[[], None] = lambda: None
) -> tuple[dict[str, str], bool]:
    """Add a user who knows the invite code; joining twice changes nothing.

    Args:
        table: The table.
        user: Who wants to join.
        room: The room.
        invite_code: Its invite code.
        spend: Called before a user is added who was not in the room; what it raises prevents that.

    Returns:
        The room, and whether the user was not in it before.

    Raises:
        RoomNotFoundError: when the room does not exist, the code is not its own, or the user was removed and the code
            is not newer than that.
        RoomFullError: when it has ``LARGEST_ROOM`` members. Joining in two Regions at once can go past it by a few.
    """
    room_key, member_key = keys.room_key(room), keys.member_key(room, user)
    found = keys.get_many(table, [room_key, member_key])
    item, member = found.get(room_key), found.get(member_key)
    if item is None or not secrets.compare_digest(str(item["invite_code"]).encode(), invite_code.encode()):
        raise RoomNotFoundError
    described = {"room": room, "name": str(item["name"])}
    if lets_in(member):
        return described, False
    # A room has no "invited_since" until its code is changed for the first time.
    if member and str(item.get("invited_since", item["created_at"])) <= str(member.get("removed_at", "")):
        raise RoomNotFoundError
    if len(members_of(table, room)) >= LARGEST_ROOM:
        raise RoomFullError
    spend()
    table.put_item(Item=_membership(room, user, timestamp()))
    return described, True


def leave(table: "Table", user: str, room: str, region: str, *, removed: bool = False) -> None:
    """End a membership, and move the room to another live channel; without a membership nothing happens.

    The membership is marked, not deleted: of a join and a leave in two Regions the later one wins, and a mark wins or
    loses like any other write. The mark names this Region, whose channel changes together with it; the others change
    theirs when the mark reaches them.

    Args:
        table: The table.
        user: Whose membership ends.
        room: The room.
        region: This Region.
        removed: Whether somebody else decided so: the invite code of that time does not let the user in again. The
            mark is kept then; otherwise it expires.

    Raises:
        RoomChangedError: when others left at the same moment, every time; the user is still in the room.
    """
    now = timestamp()
    left = _membership(room, user, now) | {"left_at": now, "left_in": region}
    left |= {"removed_at": now} if removed else {"expires_at": int(time.time()) + LEFT_SECONDS}
    mark: PutTypeDef = {
        "TableName": table.name,
        "Item": left,
        "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(left_at)",
    }
    for attempt in range(_TRIES):
        time.sleep(random.uniform(0, _PAUSE * attempt))  # noqa: S311 - jitter, not a secret
        update: Any = {"TableName": table.name, **channels.move(room, region)}
        try:
            table.meta.client.transact_write_items(TransactItems=[{"Put": mark}, {"Update": update}])
        except ClientError as error:
            response: Any = error.response
            codes = {reason["Code"] for reason in response.get("CancellationReasons", [])} - {"None"}
            if "ConditionalCheckFailed" in codes:
                return
            if not codes or not codes <= {"TransactionConflict", "ThrottlingError"}:
                raise
        else:
            return
    raise RoomChangedError


def members_of(table: "Table", room: str) -> list[str]:
    """List who is in a room, as far as this Region knows."""
    members: list[str] = []
    start: dict[str, Any] = {}
    while True:
        answer = table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :member)",
            FilterExpression="attribute_not_exists(left_at)",
            ProjectionExpression="#user",
            ExpressionAttributeNames={"#user": "user"},
            ExpressionAttributeValues={":pk": keys.room_key(room)[0], ":member": keys.member_key(room, "")[1]},
            ConsistentRead=True,
            **start,
        )
        members += [str(item["user"]) for item in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            return members
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def describe(table: "Table", room: str, user: str) -> dict[str, Any]:
    """Return the room's name, and whether a user created it; "" and False while the room has not arrived here."""
    item = keys.get(table, keys.room_key(room)) or {"name": "", "created_by": None}
    return {"room": room, "name": str(item["name"]), "creator": item["created_by"] == user}


def is_member(table: "Table", user: str, room: str) -> bool:
    """Return whether a user is in a room, as far as this Region knows."""
    return lets_in(keys.get(table, keys.member_key(room, user)))


def lets_in(item: keys.Item | None) -> bool:
    """Return whether an item of ``member_key`` (or its absence) stands for somebody who is in the room."""
    return item is not None and "left_at" not in item


def require_member(table: "Table", user: str, room: str) -> None:
    """Refuse a user who is not in the room.

    Raises:
        RoomNotFoundError: when the user is not in it.
    """
    if not is_member(table, user, room):
        raise RoomNotFoundError


def rooms_of(table: "Table", user: str, after: str | None, limit: int) -> tuple[list[dict[str, str]], str | None]:
    """List the rooms that a user is in with their names, as ``memberships_of`` does."""
    rooms, following = memberships_of(table, user, after, limit)
    found = keys.get_many(table, [keys.room_key(room) for room in rooms])
    # A membership can be here before the room itself; it is listed once the room has arrived too.
    described = [
        {"room": room, "name": str(found[key]["name"])}
        for room in rooms
        for key in [keys.room_key(room)]
        if key in found
    ]
    return described, following


def memberships_of(table: "Table", user: str, after: str | None, limit: int) -> tuple[list[str], str | None]:
    """List the ids of the rooms that a user is in, in their order.

    Args:
        table: The table.
        user: The user.
        after: Room that the page before ended with.
        limit: Longest page. A page can be shorter and still have more behind it.

    Returns:
        The rooms, and what to pass as ``after`` for the next page, if there is one.
    """
    request: QueryInputTableQueryTypeDef = {
        "IndexName": ROOMS_OF_USER,
        "KeyConditionExpression": "#user = :user",
        "FilterExpression": "attribute_not_exists(left_at)",
        "ExpressionAttributeNames": {"#user": "user"},
        "ExpressionAttributeValues": {":user": user},
        "Limit": limit,
    }
    if after:
        request["ExclusiveStartKey"] = {"user": user, "room": after} | keys.as_key(keys.member_key(after, user))
    answer = table.query(**request)
    last = answer.get("LastEvaluatedKey")
    return [str(item["room"]) for item in answer["Items"]], str(last["room"]) if last else None


def _membership(room: str, user: str, since: str) -> keys.Item:
    return keys.as_key(keys.member_key(room, user)) | {"room": room, "user": user, "joined_at": since}


def timestamp() -> str:
    """Return the time as items have it: of two in this form the later one sorts behind the other."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
