"""How far a user has read a room, and so how many messages wait.

A user may read through several Regions at once. Each Region keeps a marker of its own, and the furthest of all markers
counts, log by log: markers only grow, and none is ever written over by another Region.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ..domain import table as keys
from .ordering import Cursor, format_cursor, furthest, parse_cursor, waiting

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

# The same user marks the same room from two places at once: rare, and a retry sees what the other call wrote.
_TRIES = 5


class MarkerBusyError(Exception):
    """The user's marker was being written by others every time; nothing was stored."""


class ReadMarkers:
    """Reads and writes the markers of a table."""

    def __init__(self, table: "Table", region: str, regions: Sequence[str]) -> None:
        self._table = table
        self._region = region
        self._regions = tuple(regions)

    def heads(self, rooms: Iterable[str]) -> dict[str, Cursor]:
        """Return by room the last number of every log, as far as it is known here."""
        place_of = {keys.head_key(room, region): (room, region) for room in rooms for region in self._regions}
        found = keys.get_many(self._table, place_of)
        heads = {room: dict.fromkeys(self._regions, 0) for room, _ in place_of.values()}
        for key, (room, region) in place_of.items():
            if key in found:
                heads[room][region] = int(found[key]["sequence"])
        return heads

    def place(self, room: str) -> Cursor:
        """Return the last number of every log of a room, those of changes included."""
        logs = [*self._regions, *map(keys.change_log, self._regions)]
        key_of = {log: keys.head_key(room, log) for log in logs}
        found = keys.get_many(self._table, key_of.values())
        return {log: int(found[key]["sequence"]) if key in found else 0 for log, key in key_of.items()}

    def unread(self, user: str, heads: Mapping[str, Cursor]) -> dict[str, int]:
        """Return by room how many messages the user has not read.

        A message that two Regions accepted counts twice until it is read.
        """
        room_of = {keys.read_key(user, room, region): room for room in heads for region in self._regions}
        found = keys.get_many(self._table, room_of)
        read: dict[str, Cursor] = {room: {} for room in heads}
        for key, marker in found.items():
            read[room_of[key]] = furthest(read[room_of[key]], self._cursor(marker))
        return {room: waiting(head, read[room]) for room, head in heads.items()}

    def mark(self, user: str, room: str, cursor: Cursor) -> int:
        """Note that the user has read up to a cursor; what was read before stays read.

        Args:
            user: The user.
            room: The room.
            cursor: What was read. It counts up to what has arrived here, so that a wrong cursor hides no message that
                is still to come.

        Returns:
            How many messages wait now.

        Raises:
            MarkerBusyError: when other calls of the same user were faster every time.
        """
        head = self.heads([room])[room]
        seen = {region: min(cursor.get(region, 0), last) for region, last in head.items()}
        if not any(self._grow(user, room, seen) for _ in range(_TRIES)):
            raise MarkerBusyError
        return self.unread(user, {room: head})[room]

    def forget(self, user: str) -> None:
        """Delete the user's markers, of every room and Region."""
        partition, _ = keys.read_key(user, "", "")
        start: dict[str, Any] = {}
        while True:
            answer = self._table.query(
                KeyConditionExpression="pk = :pk AND begins_with(sk, :markers)",
                ExpressionAttributeValues={":pk": partition, ":markers": keys.READ_MARKERS},
                ProjectionExpression="pk, sk",
                ConsistentRead=True,
                **start,
            )
            with self._table.batch_writer() as batch:
                for item in answer["Items"]:
                    batch.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _grow(self, user: str, room: str, seen: Cursor) -> bool:
        """Advance the marker of this Region. False when another call wrote it in between."""
        key = keys.read_key(user, room, self._region)
        marker = keys.get(self._table, key)
        grown = furthest(self._cursor(marker), seen)
        if marker and grown == self._cursor(marker):
            return True
        condition = (
            {
                "ConditionExpression": "#cursor = :before",
                "ExpressionAttributeNames": {"#cursor": "cursor"},
                "ExpressionAttributeValues": {":before": marker["cursor"]},
            }
            if marker
            else {"ConditionExpression": "attribute_not_exists(pk)"}
        )
        try:
            self._table.put_item(Item=keys.as_key(key) | {"cursor": format_cursor(grown)}, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _cursor(self, marker: keys.Item | None) -> Cursor:
        """Return what a marker says of the Regions that there are."""
        text = str(marker["cursor"]) if marker else ""
        known = ",".join(part for part in text.split(",") if part.partition(":")[0] in self._regions)
        return parse_cursor(known, self._regions)
