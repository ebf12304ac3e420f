"""Rooms and who is in them. A user who is not in a room cannot tell that it exists."""

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from chat_api import table as keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

ROOMS_OF_USER = "RoomsOfUser"


class RoomNotFoundError(Exception):
    """There is no such room, or the user is not in it, or the invite code is wrong: strangers cannot tell which."""


def create(table: "Table", user: str, name: str) -> dict[str, str]:
    """Make a room with its creator in it. The invite code lets others in; only the creator gets it."""
    room, invite_code, now = str(uuid4()), secrets.token_urlsafe(16), _now()
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


def join(table: "Table", user: str, room: str, invite_code: str) -> dict[str, str]:
    """Let a user in who knows the invite code; joining twice changes nothing.

    Raises:
        RoomNotFoundError: when the room does not exist or the code is not its own.
    """
    item = keys.get(table, keys.room_key(room))
    if item is None or not secrets.compare_digest(str(item["invite_code"]).encode(), invite_code.encode()):
        raise RoomNotFoundError
    if not is_member(table, user, room):
        table.put_item(Item=_membership(room, user, _now()))
    return {"room": room, "name": str(item["name"])}


def leave(table: "Table", user: str, room: str) -> None:
    """Let a user out; without a membership nothing happens.

    The membership is marked, not deleted: of a join and a leave in two Regions the later one wins, and a mark wins or
    loses like any other write.
    """
    if is_member(table, user, room):
        table.put_item(Item=_membership(room, user, _now()) | {"left_at": _now()})


def is_member(table: "Table", user: str, room: str) -> bool:
    """Tell whether a user is in a room, as far as this Region knows."""
    item = keys.get(table, keys.member_key(room, user))
    return item is not None and "left_at" not in item


def require_member(table: "Table", user: str, room: str) -> None:
    """Refuse a user who is not in the room.

    Raises:
        RoomNotFoundError: when the user is not in it.
    """
    if not is_member(table, user, room):
        raise RoomNotFoundError


def rooms_of(table: "Table", user: str, after: str | None, limit: int) -> tuple[list[dict[str, str]], str | None]:
    """List the rooms that a user is in, by room id.

    Args:
        table: The table.
        user: The user.
        after: Room that the page before ended with.
        limit: Longest page. A page can be shorter and still have more behind it.

    Returns:
        The rooms, and what to pass as ``after`` for the next page, if there is one.
    """
    start = {"user": user, "room": after} | keys.as_key(keys.member_key(after, user)) if after else None
    answer = table.query(
        IndexName=ROOMS_OF_USER,
        KeyConditionExpression="#user = :user",
        FilterExpression="attribute_not_exists(left_at)",
        ExpressionAttributeNames={"#user": "user"},
        ExpressionAttributeValues={":user": user},
        Limit=limit,
        **({"ExclusiveStartKey": start} if start else {}),
    )
    described = keys.get_many(table, [keys.room_key(str(item["room"])) for item in answer["Items"]])
    # A membership can be here before the room itself; it is listed once the room has arrived too.
    rooms = [
        {"room": room, "name": str(described[key]["name"])}
        for item in answer["Items"]
        for room in [str(item["room"])]
        for key in [keys.room_key(room)]
        if key in described
    ]
    last = answer.get("LastEvaluatedKey")
    return rooms, str(last["room"]) if last else None


def _membership(room: str, user: str, since: str) -> keys.Item:
    return keys.as_key(keys.member_key(room, user)) | {"room": room, "user": user, "joined_at": since}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
