"""What was done to a message: edited, deleted, reacted to.

A change is an entry of a log, as a message is: numbered by the Region that accepted it, in a log of its own for each
room and Region. Beside the log each Region keeps a note of a message, with what its users did to it last; only that
Region writes it. The notes of all Regions together give the present state, by the order of clock, Region, sequence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from .entries import LogEntry, Position
from .messages import Message
from .table import Item, change_log

Kind = Literal["edit", "deletion", "reaction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(LogEntry):
    """A change of a message, in the log of changes; its clock is later than all that was known to be done before."""

    kind: Kind
    message: str
    """Id of the message."""
    text: str = ""
    """What an edited message says; empty once the message was deleted."""
    emoji: str = ""
    """The author's reaction from now on; empty for none."""
    changed_at: str
    """Wall clock of the accepting Region, for people."""

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> "Change":
        """Return the change of an item of the table.

        Raises:
            KeyError: for an item that is no change.
            ValueError: for a kind that is not known.
        """
        kind = item["kind"]
        if kind not in get_args(Kind):
            message = f"{kind!r} is no kind of change"
            raise ValueError(message)
        return cls(
            kind=kind,
            room=item["room"],
            region=item["region"],
            sequence=int(item["sequence"]),
            clock=int(item["clock"]),
            id=item["id"],
            message=item["message"],
            author=item["author"],
            text=item["text"],
            emoji=item["emoji"],
            changed_at=item["changed_at"],
            traceparent=item.get("traceparent"),
        )

    @property
    def log(self) -> str:
        """The log that it is an entry of."""
        return change_log(self.region)


def place_of(notes: Mapping[str, Item]) -> Position | None:
    """Return where a message stands, by the notes of the Regions; None when no Region is known to have accepted it.

    Of a message that two Regions accepted, readers see the one that sorts first.
    """
    return min(places_in(notes), default=None)


def places_in(notes: Mapping[str, Item]) -> list[Position]:
    """Return every place at which a message was accepted."""
    return [
        Position(int(note["clock"]), region, int(note["sequence"]))
        for region, note in notes.items()
        if "sequence" in note
    ]


def clocks_in(notes: Mapping[str, Item]) -> list[int]:
    """Return the clocks of everything that the notes tell of: a change is later than all of it."""
    clocks: list[int] = []
    for note in notes.values():
        stamps = [note, *(note[name] for name in ("edit", "deletion") if name in note)]
        clocks += [int(stamp["clock"]) for stamp in stamps if "clock" in stamp]
        clocks += [int(clock) for _, clock, _ in note.get("reactions", {}).values()]
    return clocks


def is_deleted(notes: Iterable[Item]) -> bool:
    """Return whether a message was deleted, in whichever Region, and whatever was done to it since."""
    return any("deletion" in note for note in notes)


def noted(change: Change, note: Item) -> Item:
    """Return a Region's note of a message with one more change, the latest of that Region."""
    stamp = {"clock": change.clock, "sequence": change.sequence, "at": change.changed_at}
    if change.kind == "edit":
        return note | {"edit": stamp | {"text": change.text}, "edits": [*note.get("edits", []), change.sequence]}
    if change.kind == "deletion":
        return note | {"deletion": stamp | {"by": change.author}}
    reaction = [change.emoji, change.clock, change.sequence]
    return note | {"reactions": {**note.get("reactions", {}), change.author: reaction}}


def current(message: Message, notes: Mapping[str, Item]) -> dict[str, Any]:
    """Return the JSON form of a message in its present state.

    Beside the message's own fields it has, when there are such: ``edited`` and ``deleted``, each with the place of the
    change and its time, and ``reactions``: by user the emoji (empty when it was taken back) and the place of the
    change, so that a reader who learns of an older change later knows that it is older.
    """
    state = message.to_dict()
    deletions = _placed(notes, "deletion")
    if deletions:
        # The first one counts: nothing that came after it is seen.
        place, deletion = min(deletions, key=lambda found: found[0])
        return state | {
            "text": "",
            "attachments": [],
            "deleted": asdict(place) | {"at": str(deletion["at"]), "by": str(deletion["by"])},
        }
    edits = _placed(notes, "edit")
    if edits:
        place, edit = max(edits, key=lambda found: found[0])
        state |= {"text": str(edit["text"]), "edited": asdict(place) | {"at": str(edit["at"])}}
    reactions = _reactions(notes)
    return state | ({"reactions": reactions} if reactions else {})


def _placed(notes: Mapping[str, Item], name: str) -> list[tuple[Position, Item]]:
    return [
        # A publisher that passes a deletion on keeps the Region that accepted it.
        (Position(int(change["clock"]), str(change.get("region", region)), int(change["sequence"])), change)
        for region, note in notes.items()
        if (change := note.get(name))
    ]


def _reactions(notes: Mapping[str, Item]) -> dict[str, list[Any]]:
    """Return by user the latest reaction: emoji, clock, Region, sequence."""
    latest: dict[str, tuple[Position, str]] = {}
    for region, note in notes.items():
        for user, (emoji, clock, sequence) in note.get("reactions", {}).items():
            found = Position(int(clock), region, int(sequence)), str(emoji)
            latest[user] = max(found, latest.get(user, found), key=lambda one: one[0])
    return {user: [emoji, place.clock, place.region, place.sequence] for user, (place, emoji) in sorted(latest.items())}
