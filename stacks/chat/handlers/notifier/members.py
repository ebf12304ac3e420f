"""Who is in a room and does not have it open."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from state_sharing import SharedState

from ..domain import rooms
from ..domain import table as keys
from ..domain.presence import PRESENCE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

__all__ = ["absent_members"]

_MEMBER = keys.member_key("", "")[1]
# No other items of a room sort between its members and who has it open, so one query reads both.
_LAST = f"{PRESENCE}$"


def absent_members(table: "Table", room: str, clock: Callable[[], float] = time.time) -> set[str]:
    """Return the members of a room who do not have it open, as far as this Region knows.

    Args:
        table: This Region's replica.
        room: The room.
        clock: Epoch seconds.
    """
    members: set[str] = set()
    online: set[str] = set()
    request: dict[str, Any] = {
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
        "ExpressionAttributeValues": {":pk": keys.room_key(room)[0], ":low": _MEMBER, ":high": _LAST},
        # Who has been removed gets no notice.
        "ConsistentRead": True,
    }
    now = clock()
    while True:
        answer = table.query(**request)
        for item in answer["Items"]:
            if not str(item["sk"]).startswith(_MEMBER):
                entry = SharedState.read(item)
                if entry.is_live(now):
                    online.add(entry.member)
            elif rooms.lets_in(item):
                members.add(str(item["user"]))
        if "LastEvaluatedKey" not in answer:
            return members - online
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
