"""What the creator of a room may do to it: change its invite code, and remove members."""

from typing import TYPE_CHECKING

from . import rooms
from . import table as keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class NotCreatorError(Exception):
    """The user is in the room and did not create it."""


class CreatorStaysError(Exception):
    """The creator wants to remove the creator."""


def require_creator(table: "Table", user: str, room: str) -> None:
    """Refuse everybody but the member who created a room.

    Raises:
        RoomNotFoundError: when the user is not in the room.
        NotCreatorError: when the user did not create it.
    """
    room_key, member_key = keys.room_key(room), keys.member_key(room, user)
    found = keys.get_many(table, [room_key, member_key])
    if not rooms.lets_in(found.get(member_key)) or room_key not in found:
        raise rooms.RoomNotFoundError
    if found[room_key]["created_by"] != user:
        raise NotCreatorError


def renew_invite(table: "Table", room: str) -> str:
    """Give a room another invite code, and return it; the one before is refused from then on.

    Of changes in two Regions at the same moment the later one wins, so its code is the room's in every Region.
    """
    invite_code = rooms.new_invite_code()
    table.update_item(
        Key=keys.as_key(keys.room_key(room)),
        UpdateExpression="SET invite_code = :code, invited_since = :now",
        ExpressionAttributeValues={":code": invite_code, ":now": rooms.timestamp()},
    )
    return invite_code


def remove(table: "Table", creator: str, room: str, member: str, region: str) -> None:
    """Remove a member, who can come back with a newer invite code only; for who is not in the room nothing happens.

    Of a removal and a join in two Regions the later one wins, as with leaving.

    Raises:
        CreatorStaysError: when the creator would be removed.
        RoomChangedError: when others left at the same moment, every time; the member is still in the room.
    """
    if member == creator:
        raise CreatorStaysError
    rooms.leave(table, member, room, region, removed=True)
