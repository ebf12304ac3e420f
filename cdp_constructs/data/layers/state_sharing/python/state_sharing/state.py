"""Entries of one kind: heartbeats, leaving, and who is there."""

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from .entries import Entry, milliseconds, read_entry, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

__all__ = ["SharedState"]

_SEPARATOR = "#"

# As names, not in the expressions themselves: some are reserved words of DynamoDB.
_NAMES = {"#at": "at_ms", "#expires": "expires_at", "#change": "change", "#data": "data"}
_LIVE = "#expires > :now AND #change <> :left"


class SharedState:
    """Entries of one kind, such as the presence of users in rooms."""

    def __init__(
        self,
        table: "Table",
        *,
        group: str,
        kind: str,
        lifetime: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Name the entries.

        Args:
            table: The table, such as ``connect()``.
            group: What groups are, such as ``ROOM``; the function's permission is bound to it.
            kind: What entries are, such as ``PRESENCE``; several kinds share a group.
            lifetime: Seconds from a heartbeat until its entry lapses. Twice the interval of heartbeats and a bit, so
                that one may be lost.
            clock: Epoch seconds.

        Raises:
            ValueError: for an empty name, a ``#`` in one, or a lifetime that is not positive.
        """
        if not group or not kind or _SEPARATOR in group + kind:
            raise ValueError(f"group {group!r} and kind {kind!r} must not be empty and have no {_SEPARATOR}")
        if lifetime <= 0:
            raise ValueError(f"lifetime is {lifetime} s; give more than 0")
        self._table = table
        self._group = group
        self._kind = kind
        self._lifetime = lifetime
        self._clock = clock

    def heartbeat(
        self, group: str, member: str, *, data: Mapping[str, Any] | None = None, at: float | None = None
    ) -> Entry | None:
        """Say that a member is here, until ``at`` plus the lifetime.

        Args:
            group: Such as the room. No ``#``.
            member: Such as the user.
            data: JSON values to be kept with the entry instead of what is there; None keeps that.
            at: Epoch seconds at which the member said so, for heartbeats that took a way in between, such as a queue.
                Now by default; the future counts as now, so that a wrong clock cannot lock others out.

        Returns:
            The entry, or None for a heartbeat that came too late: a newer one or a leave was there, or it would have
            lapsed already. It has changed nothing then.

        Raises:
            ValueError: for an empty group or member, or a ``#`` in the group.
        """
        now = self._clock()
        at_ms = milliseconds(now if at is None else min(at, now))
        expires_at = math.ceil(at_ms / 1000 + self._lifetime)
        if expires_at <= int(now):
            return None
        key = self._key(group, member)
        renewed = self._renew(key, at_ms, expires_at, data, int(now))
        if isinstance(renewed, Entry):
            return renewed
        there = self.read(renewed) if renewed else None
        if there is not None and milliseconds(there.at) >= at_ms:
            return None
        # A stay begins, or goes on with other data.
        stay = there if there is not None and there.is_live(now) else None
        since_ms = milliseconds(stay.since) if stay else at_ms
        change = "updated" if stay else "joined"
        item = self._item(
            group, member, data or {}, since_ms=since_ms, at_ms=at_ms, expires_at=expires_at, change=change
        )
        return self.read(item) if self._put(item, "attribute_not_exists(pk) OR #at < :at") else None

    def leave(self, group: str, member: str, *, at: float | None = None) -> bool:
        """Say that a member is gone. This wins over heartbeats that are older or as old, also those still under way.

        Args:
            group: Such as the room.
            member: Such as the user.
            at: As for heartbeats.

        Returns:
            False when a newer heartbeat was there: the member has come back since and stays.
        """
        now = self._clock()
        at_ms = milliseconds(now if at is None else min(at, now))
        # As long as a heartbeat from before could count; after that it is refused for its age alone.
        expires_at = math.ceil(at_ms / 1000 + self._lifetime)
        item = self._item(group, member, {}, since_ms=at_ms, at_ms=at_ms, expires_at=expires_at, change="left")
        return self._put(item, "attribute_not_exists(pk) OR #at <= :at")

    def get(self, group: str, member: str) -> Entry | None:
        """Return a member's entry as it is in this Region now; None when there is none, or it lapsed or was left."""
        item = self._table.get_item(Key=self._key(group, member), ConsistentRead=True).get("Item")
        entry = self.read(item) if item else None
        return entry if entry is not None and entry.is_live(self._clock()) else None

    def members(self, group: str, *, consistent: bool = False) -> list[Entry]:
        """List who is in a group, by member.

        Args:
            group: Such as the room.
            consistent: Whether a heartbeat that has just been answered must be in it, at twice the price.
        """
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :kind)",
            "FilterExpression": _LIVE,
            "ExpressionAttributeNames": {name: _NAMES[name] for name in ("#expires", "#change")},
            "ExpressionAttributeValues": {
                ":pk": self._partition(group),
                ":kind": self._kind + _SEPARATOR,
                ":now": int(self._clock()),
                ":left": "left",
            },
            "ConsistentRead": consistent,
        }
        found: list[Entry] = []
        while True:
            answer = self._table.query(**request)
            found += [self.read(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    @staticmethod
    def read(item: Mapping[str, Any]) -> Entry:
        """Return what an item says, whether it is live or not; also for images of the table's stream."""
        return read_entry(item)

    def _renew(
        self, key: dict[str, str], at_ms: int, expires_at: int, data: Mapping[str, Any] | None, now: int
    ) -> Entry | dict[str, Any]:
        """Extend the stay: what nearly every heartbeat does, in one write.

        Returns:
            The entry; or, when there is no stay that this heartbeat only extends, what is there instead.
        """
        names = ["#at", "#expires", "#change"]
        values: dict[str, Any] = {
            ":at": at_ms,
            ":expires": expires_at,
            ":now": now,
            ":renewed": "renewed",
            ":left": "left",
        }
        condition = f"#at < :at AND {_LIVE}"
        if data is not None:
            names.append("#data")
            values[":data"] = text(data)
            condition += " AND #data = :data"
        try:
            answer = self._table.update_item(
                Key=key,
                UpdateExpression="SET #at = :at, #expires = :expires, #change = :renewed",
                ConditionExpression=condition,
                ExpressionAttributeNames={name: _NAMES[name] for name in names},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return _item_there(error)
        return self.read(answer["Attributes"])

    def _put(self, item: dict[str, Any], condition: str) -> bool:
        """Write the item if it is newer than what is there, as the condition says."""
        try:
            self._table.put_item(
                Item=item,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#at": _NAMES["#at"]},
                ExpressionAttributeValues={":at": item["at_ms"]},
            )
        except ClientError as error:
            _item_there(error)
            return False
        return True

    def _item(
        self,
        group: str,
        member: str,
        data: Mapping[str, Any],
        *,
        since_ms: int,
        at_ms: int,
        expires_at: int,
        change: str,
    ) -> dict[str, Any]:
        return {
            **self._key(group, member),
            "group": group,
            "member": member,
            "data": text(data),
            "since_ms": since_ms,
            "at_ms": at_ms,
            "expires_at": expires_at,
            "change": change,
        }

    def _key(self, group: str, member: str) -> dict[str, str]:
        if not member:
            raise ValueError("member is empty")
        return {"pk": self._partition(group), "sk": f"{self._kind}{_SEPARATOR}{member}"}

    def _partition(self, group: str) -> str:
        # With a # in it, it could name the partition of something else in a shared table.
        if not group or _SEPARATOR in group:
            raise ValueError(f"group is {group!r}; it must not be empty and have no {_SEPARATOR}")
        return f"{self._group}{_SEPARATOR}{group}"


def _item_there(error: ClientError) -> dict[str, Any]:
    """Return the item that a condition did not hold for, empty when there is none; raise any other error again."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    # Answers come deserialised, errors do not.
    item: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]  # botocore's type lacks it
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
