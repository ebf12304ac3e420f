"""Search of a room's attachments, the newest first, in all Regions at once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..domain import table as keys
from ..domain.search import searchable
from .models import EARLIEST, LATEST

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import QueryInputTableQueryTypeDef

# Items that one search looks through, about 600 bytes each: a page ends there, and the next goes on.
_MOST_READ = 1000
_BY_ROOM = "ByOwner"
# A bucket's name, a slash and the longest key. DynamoDB refuses a longer start, as it does a range that ends before it
# begins.
_LONGEST_OBJECT = 63 + 1 + 1024
# The time of an object in the index, and its name there.
_PLACE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)/(.+)")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody looks for; each part may be left out."""

    name: str | None = None
    """Part of the file's name; case, and the width of Japanese characters, do not matter."""
    content_type: str | None = None
    """Beginning of the content type, such as ``image/`` or ``image/png``."""
    owner: str | None = None
    """Who uploaded it."""
    since: datetime = EARLIEST
    until: datetime = LATEST

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out, so that more may be read than is found."""
        return self != Wanted()


class AttachmentSearch:
    """Asks the storage index, whose objects have their room as owner, and describes what the room has recorded.

    Args:
        index: This Region's replica of the index.
        accepted_prefix: Below it is a folder for each user.
    """

    def __init__(self, index: "Table", accepted_prefix: str) -> None:
        self._index = index
        self._prefix = accepted_prefix

    def page(
        self, table: "Table", room: str, wanted: Wanted, *, after: str | None, limit: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return the attachments of a room, the newest first.

        Args:
            table: Knows which files have become attachments: not that of somebody who had left the room.
            room: The room.
            wanted: What is looked for.
            after: What the page before said.
            limit: Longest page. A page can be shorter and still have more behind it.

        Returns:
            The attachments, and what to pass as ``after`` for the next page, if there is one.

        Raises:
            ValueError: when ``after`` is something else, or of another search, or the time ends before it begins.
        """
        if wanted.since > wanted.until:
            message = "'from' is later than 'to'"
            raise ValueError(message)
        request = self._request(room, wanted, limit)
        if after is not None:
            request["ExclusiveStartKey"] = _start(room, wanted, after)
        answer: Any = self._index.query(**request)
        found, last = answer["Items"], answer.get("LastEvaluatedKey")
        if len(found) > limit:
            found = found[:limit]
            last = found[-1]
        following = f"{last['modified_at']}/{last['object']}" if last else None
        return self._described(table, room, found), following

    def _request(self, room: str, wanted: Wanted, limit: int) -> "QueryInputTableQueryTypeDef":
        names = {"#owner": "owner"}
        values = {":room": room, ":since": _text(wanted.since), ":until": _text(wanted.until)}
        conditions: list[str] = []
        if wanted.name is not None:
            values[":name"] = searchable(wanted.name)
            conditions.append("contains(search_name, :name)")
        if wanted.content_type is not None:
            values[":type"] = wanted.content_type
            conditions.append("begins_with(content_type, :type)")
        if wanted.owner is not None:
            names["#key"] = "key"
            values[":folder"] = f"{self._prefix}{wanted.owner}/"
            conditions.append("begins_with(#key, :folder)")
        request: QueryInputTableQueryTypeDef = {
            "IndexName": _BY_ROOM,
            "KeyConditionExpression": "#owner = :room AND modified_at BETWEEN :since AND :until",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": False,
            "Limit": _MOST_READ if conditions else limit,
        }
        if conditions:
            request["FilterExpression"] = " AND ".join(conditions)
        return request

    def _described(self, table: "Table", room: str, found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        # The files of a deleted message are withdrawn, by a mark in the name of its author.
        wanted = {
            keys.attachment_key(room, upload_id): keys.withdrawn_key(room, upload_id, owner)
            for owner, upload_id in map(self._owner_and_id, found)
        }
        recorded = keys.get_many(table, [key for pair in wanted.items() for key in pair])
        return [
            {
                "id": key[1].partition("#")[2],
                "name": str(item["name"]),
                "content_type": str(item["content_type"]),
                "size": int(item["size"]),
                "owner": str(item["owner"]),
                "uploaded_at": str(item["accepted_at"]),
                "thumbnail": "thumbnail_file" in item,
            }
            for key, withdrawn in wanted.items()
            if withdrawn not in recorded and (item := recorded.get(key))
        ]

    def _owner_and_id(self, item: dict[str, Any]) -> tuple[str, str]:
        owner, upload_id = str(item["key"]).removeprefix(self._prefix).split("/")[:2]
        return owner, upload_id


def _start(room: str, wanted: Wanted, after: str) -> dict[str, str]:
    place = _PLACE.fullmatch(after)
    # DynamoDB refuses to begin outside of what is asked for.
    if (
        place is None
        or len(place[2].encode()) > _LONGEST_OBJECT
        or not _text(wanted.since) <= place[1] <= _text(wanted.until)
    ):
        message = f"after is {after!r}; pass 'after' of an earlier answer to the same search, or nothing"
        raise ValueError(message)
    return {"owner": room, "modified_at": place[1], "object": place[2]}


def _text(moment: datetime) -> str:
    """Return a time as the index has it, in whole seconds."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
