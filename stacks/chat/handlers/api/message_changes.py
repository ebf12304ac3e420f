"""The log of changes that this Region keeps of a room: editing, deleting and reacting append to it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..domain import rooms
from ..domain import table as keys
from ..domain.changes import Change, Kind, clocks_in, current, is_deleted, noted
from ..domain.messages import Message
from .budgets import Budget, Budgets
from .history import MessageNotFoundError
from .log import RoomBusyError
from .log_items import LogItems, Notes
from .log_writes import append, put_new, tries
from .ordering import change_id, next_clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateTypeDef

MOST_EDITS = 50
"""Most edits of a message in each Region: all of them are looked up when the message is deleted."""
MOST_REACTIONS = 150
"""Most people of each Region who react to a message: a page of 100 messages stays below the 6 MB that a function can
answer (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


class NotAuthorError(Exception):
    """The message is of somebody else."""


class MessageDeletedError(Exception):
    """The message was deleted; nothing can be done to it any more."""


class TooManyChangesError(Exception):
    """The message was edited, or reacted to, as often as a message can be."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a user wants to do to a message."""

    kind: Kind
    client_change_id: str
    """The client's own id of the change: the same id is the same change, however often it is sent."""
    text: str = ""
    emoji: str = ""
    traceparent: str | None = None
    """Of the request; it goes with the change."""


class MessageChanges:
    """Writes changes of messages.

    Args:
        items: The items of the logs.
        region: The Region whose log of changes is written here.
        regions: All Regions.
        budgets: Count the changes of users.
        pause: Waits between two tries.
    """

    def __init__(
        self,
        items: LogItems,
        region: str,
        regions: Sequence[str],
        budgets: Budgets,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._items = items
        self._region = region
        self._regions = tuple(regions)
        self._budgets = budgets
        self._pause = pause

    def apply(self, room: str, user: str, message: str, wish: Wish) -> tuple[dict[str, Any], bool]:
        """Change a message once.

        Args:
            room: The room.
            user: Who changes the message; only members may.
            message: The message's id.
            wish: What is to be done.

        Returns:
            The message in its state after the change, and whether this call changed it.

        Raises:
            RoomNotFoundError: when the user is not in the room.
            MessageNotFoundError: when the message is not known here.
            NotAuthorError: for an edit by somebody else, or a deletion by who neither wrote it nor created the room.
            MessageDeletedError: when the message is deleted, unless that is what was asked for.
            TooManyChangesError: when the message has as many changes as it can have.
            BudgetExceededError: when the user has changed as much as one user may.
            RoomBusyError: when others were faster every time; nothing was changed.
            DeliveryLateError: when what was accepted is not delivered in time; nothing was changed.
        """
        identity = change_id(room, user, wish.client_change_id)
        for _ in tries(self._pause):
            head, notes, accepted, creator = self._look(room, user, message, identity)
            found = self._items.stored(room, notes)
            if found is None:
                raise MessageNotFoundError
            if accepted or (wish.kind == "deletion" and is_deleted(notes.values())):
                return current(found, notes), False
            _require_right(wish, user, found, creator)
            if is_deleted(notes.values()):
                raise MessageDeletedError
            if _changes_nothing(wish, user, current(found, notes)):
                return current(found, notes), False
            self._items.admission.check()
            change = self._next(found, head, notes, author=user, identity=identity, wish=wish)
            note = noted(change, notes.get(self._region, {}))
            if len(note.get("edits", [])) > MOST_EDITS or len(note.get("reactions", {})) > MOST_REACTIONS:
                raise TooManyChangesError
            if self._put(change, note):
                return current(found, notes | {self._region: note}), True
        raise RoomBusyError

    def _look(
        self, room: str, user: str, message: str, identity: str
    ) -> tuple[keys.Item | None, Notes, bool, str | None]:
        """Return this Region's head, the notes of the message, whether the change was accepted, the room's creator."""
        member, here = keys.member_key(room, user), keys.room_key(room)
        head = keys.head_key(room, keys.change_log(self._region))
        note_of = {region: keys.note_key(room, region, message) for region in self._regions}
        markers = [keys.change_marker_key(room, region, identity) for region in self._regions]
        found = self._items.read_admitting([member, here, head, *note_of.values(), *markers])
        if not rooms.lets_in(found.get(member)):
            raise rooms.RoomNotFoundError
        notes = {region: found[key] for region, key in note_of.items() if key in found}
        creator = found.get(here, {}).get("created_by")
        return found.get(head), notes, any(key in found for key in markers), creator

    def _next(
        self, message: Message, head: keys.Item | None, notes: Notes, *, author: str, identity: str, wish: Wish
    ) -> Change:
        now = datetime.now(UTC)
        seen = [message.clock, *clocks_in(notes), *([int(head["clock"])] if head else [])]
        return Change(
            kind=wish.kind,
            room=message.room,
            region=self._region,
            sequence=int(head["sequence"]) + 1 if head else 1,
            clock=next_clock(int(now.timestamp() * 1000), seen),
            id=identity,
            message=message.id,
            author=author,
            text=wish.text,
            emoji=wish.emoji,
            changed_at=now.isoformat(timespec="milliseconds"),
            traceparent=wish.traceparent,
        )

    def _put(self, change: Change, note: keys.Item) -> bool:
        place = {"sequence": change.sequence, "clock": change.clock}
        room, table = change.room, self._items.table
        stored = keys.as_key(keys.change_key(room, self._region, change.sequence)) | change.to_dict()
        marker = keys.as_key(keys.change_marker_key(room, self._region, change.id)) | place
        update: TransactWriteItemTypeDef = {"Update": self._noting(change, note)}
        return append(
            table,
            keys.head_key(room, keys.change_log(self._region)),
            place,
            [put_new(table, stored), put_new(table, marker), update],
            budgets=self._budgets,
            author=change.author,
            budget=Budget.CHANGES,
        )

    def _noting(self, change: Change, note: keys.Item) -> "UpdateTypeDef":
        """Return the update of this Region's note; once a deletion is noted, nothing is noted any more."""
        names = {"edit": ("edit", "edits"), "deletion": ("deletion",), "reaction": ("reactions",)}[change.kind]
        return {
            "TableName": self._items.table.name,
            "Key": keys.as_key(keys.note_key(change.room, self._region, change.message)),
            "UpdateExpression": "SET " + ", ".join(f"{name} = :{name}" for name in names),
            "ConditionExpression": "attribute_not_exists(deletion)",
            "ExpressionAttributeValues": {f":{name}": note[name] for name in names},
        }


def _require_right(wish: Wish, user: str, message: Message, creator: str | None) -> None:
    if wish.kind == "edit" and user != message.author:
        raise NotAuthorError
    if wish.kind == "deletion" and user not in {message.author, creator}:
        raise NotAuthorError


def _changes_nothing(wish: Wish, user: str, state: dict[str, Any]) -> bool:
    if wish.kind == "edit":
        return bool(wish.text == state["text"])
    if wish.kind == "reaction":
        return bool(wish.emoji == state.get("reactions", {}).get(user, [""])[0])
    return False
