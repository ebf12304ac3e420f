"""Editing, deleting and reacting: who may, what counts, and that every Region ends with the same state."""

import itertools
import random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.chat.handlers.api.budgets import Budget, BudgetExceededError, Budgets
from stacks.chat.handlers.api.history import MARGIN, History, MessageNotFoundError
from stacks.chat.handlers.api.log import RoomBusyError, RoomLog
from stacks.chat.handlers.api.message_changes import (
    MOST_EDITS,
    MOST_REACTIONS,
    MessageChanges,
    MessageDeletedError,
    NotAuthorError,
    TooManyChangesError,
    Wish,
)
from stacks.chat.handlers.api.ordering import Cursor
from stacks.chat.handlers.domain import table as keys
from stacks.chat.handlers.domain.changes import Change, Kind, is_deleted
from stacks.chat.handlers.domain.emoji import is_emoji
from stacks.chat.handlers.domain.rooms import RoomNotFoundError
from stacks.chat.handlers.publisher.erasure import erase
from tests.stacks.chat.memory import MemoryTable, cancelled

HERE, THERE = "ap-northeast-1", "us-west-2"
REGIONS = (HERE, THERE)
PEOPLE = ("anna", "ben", "carol")


class Region:
    """One Region's API and publisher, with a replica of its own."""

    def __init__(self, name: str, changes: int = 1000) -> None:
        self.name = name
        self.table = MemoryTable()
        self.table.put(*(keys.as_key(keys.member_key("room", user)) for user in PEOPLE))
        self.table.put(keys.as_key(keys.room_key("room")) | {"created_by": "ben"})
        table = cast("Any", self.table)
        limits = {Budget.MESSAGES: 1000, Budget.CHANGES: changes}
        budgets = Budgets(table, name, limits, clock=lambda: 1_800_000_030)
        self.log = RoomLog(table, name, REGIONS, budgets, pause=lambda _: None)
        self.history = History(self.log.items, REGIONS)
        self.changes = MessageChanges(self.log.items, name, REGIONS, budgets, pause=lambda _: None)
        self._published = 0
        self._ids = itertools.count()

    def post(self, author: str = "anna", text: str = "hello", answers: str | None = None) -> str:
        return self.log.append("room", author, f"{self.name}-{next(self._ids)}", text, answers=answers)[0].id

    def change(
        self, user: str, message: str, kind: Kind, *, text: str = "", emoji: str = "", client_id: str | None = None
    ) -> tuple[dict[str, Any], bool]:
        identity = client_id or f"{self.name}-{next(self._ids)}"
        wish = Wish(kind=kind, client_change_id=identity, text=text, emoji=emoji)
        return self.changes.apply("room", user, message, wish)

    def edit(self, message: str, text: str, user: str = "anna", **more: Any) -> dict[str, Any]:
        return self.change(user, message, "edit", text=text, **more)[0]

    def react(self, user: str, message: str, emoji: str, **more: Any) -> dict[str, Any]:
        return self.change(user, message, "reaction", emoji=emoji, **more)[0]

    def delete(self, user: str, message: str) -> dict[str, Any]:
        return self.change(user, message, "deletion", client_id=f"deletion:{message}")[0]

    def read(self, message: str) -> dict[str, Any]:
        return self.history.read_one("room", message)

    def everything(self) -> list[dict[str, Any]]:
        """Return the whole conversation, page by page."""
        cursor: Cursor = {}
        messages: list[dict[str, Any]] = []
        more = True
        while more:
            page = self.history.read("room", cursor, 5)
            messages += page.messages
            cursor, more = page.cursor, page.more
        return messages

    def publish(self) -> None:
        """Do what the publisher does with the deletions that have arrived."""
        for item in list(self.table.items.values()):
            if item["sk"].startswith("CHANGE#") and item["kind"] == "deletion":
                erase(cast("Any", self.table), self.name, Change.of_item(item))

    def texts(self) -> set[str]:
        """Return everything that is kept here of what was said."""
        found = {str(item["text"]) for item in self.table.items.values() if "text" in item}
        return found | {str(item["edit"]["text"]) for item in self.table.items.values() if "edit" in item}


def replicate(source: Region, target: Region, chance: "random.Random | None" = None) -> None:
    """Copy what a Region wrote to another one: everything, or a part of it in no particular order."""
    for (partition, sort), item in list(source.table.items.items()):
        if partition.startswith(f"ROOM#room#{source.name}") and (chance is None or chance.random() < 0.5):
            target.table.items[partition, sort] = dict(item)


@pytest.fixture
def here() -> Region:
    return Region(HERE)


@pytest.fixture
def there() -> Region:
    return Region(THERE)


def test_an_edited_message_has_its_place_and_its_new_text(here: Region) -> None:
    message = here.post(text="helo")
    posted = here.read(message)
    edited = here.edit(message, "hello")
    assert edited == here.read(message) == posted | {"text": "hello", "edited": edited["edited"]}
    assert edited["edited"]["clock"] > posted["clock"]
    assert here.everything() == [edited]


def test_a_change_that_is_sent_three_times_is_one(here: Region, there: Region) -> None:
    message = here.post()
    sent = [here.change("anna", message, "edit", text="one", client_id="1") for _ in range(2)]
    here.edit(message, "two")
    replicate(here, there)
    late = there.change("anna", message, "edit", text="one", client_id="1")
    assert [new for _, new in [*sent, late]] == [True, False, False]
    assert late[0]["text"] == here.read(message)["text"] == "two"
    assert len(here.history.read("room", {}, 100).changes) == 2


def test_the_later_of_two_edits_at_once_counts_in_both_regions(here: Region, there: Region) -> None:
    message = here.post()
    replicate(here, there)
    first, second = here.edit(message, "from here"), there.edit(message, "from there")
    replicate(here, there)
    replicate(there, here)
    later = max(first, second, key=lambda one: (one["edited"]["clock"], one["edited"]["region"]))
    assert here.read(message) == there.read(message) == later


def test_a_deletion_beats_every_edit_and_removes_all_texts(here: Region, there: Region) -> None:
    message = here.post(text="secret one")
    here.edit(message, "secret two")
    replicate(here, there)
    deleted = here.delete("anna", message)
    # Later than the deletion, in a Region that has not heard of it.
    there.edit(message, "secret three")
    there.react("ben", message, "👍")
    assert (deleted["text"], deleted["deleted"]["by"], "reactions" in deleted) == ("", "anna", False)
    for source, target in ((here, there), (there, here)):
        replicate(source, target)
    for region in (here, there):
        region.publish()
    for source, target in ((here, there), (there, here)):
        replicate(source, target)
    assert here.read(message) == there.read(message) == deleted
    assert here.texts() == there.texts() == {""}


def test_after_a_region_has_erased_a_message_it_accepts_no_edit(here: Region, there: Region) -> None:
    message = here.post()
    replicate(here, there)
    here.delete("anna", message)
    deletion = keys.change_key("room", HERE, 1)
    # The deletion is here, the note of the other Region is not.
    there.table.items[deletion] = here.table.items[deletion]
    there.publish()
    with pytest.raises(MessageDeletedError):
        there.edit(message, "too late")


def test_an_edit_that_meets_a_deletion_in_its_transaction_is_refused(here: Region) -> None:
    message = here.post()

    def deleted_meanwhile() -> None:
        here.table.before_transaction = lambda: None
        here.delete("anna", message)

    here.table.before_transaction = deleted_meanwhile
    with pytest.raises(MessageDeletedError):
        here.edit(message, "too late")


def test_who_may_do_what(here: Region) -> None:
    message = here.post("anna")
    for user in ("ben", "carol"):
        with pytest.raises(NotAuthorError):
            here.edit(message, "forged", user)
    with pytest.raises(NotAuthorError):
        here.delete("carol", message)
    before = dict(here.table.items)
    for kind in ("edit", "deletion", "reaction"):
        with pytest.raises(RoomNotFoundError):
            here.change("mallory", message, cast("Kind", kind), text="x", emoji="👍")
    assert here.table.items == before
    # Ben created the room.
    assert here.delete("ben", message)["deleted"]["by"] == "ben"


def test_a_message_that_is_not_known_cannot_be_changed(here: Region, there: Region) -> None:
    message = here.post()
    with pytest.raises(MessageNotFoundError):
        there.react("ben", message, "👍")
    # Its note has arrived, the message itself has not.
    note = keys.note_key("room", HERE, message)
    there.table.items[note] = here.table.items[note]
    with pytest.raises(MessageNotFoundError):
        there.react("ben", message, "👍")
    with pytest.raises(MessageNotFoundError):
        there.read(message)


def test_a_reaction_is_one_of_each_member_and_can_be_taken_back(here: Region) -> None:
    message = here.post()
    for user, emoji in (("anna", "👍"), ("ben", "👍"), ("anna", "🎉")):
        here.react(user, message, emoji)
    assert {user: found[0] for user, found in here.read(message)["reactions"].items()} == {"anna": "🎉", "ben": "👍"}
    here.react("anna", message, "")
    assert {user: found[0] for user, found in here.read(message)["reactions"].items()} == {"anna": "", "ben": "👍"}


def test_what_changes_nothing_is_not_stored(here: Region) -> None:
    message = here.post(text="hello")
    here.react("ben", message, "👍")
    before = dict(here.table.items)
    assert not here.change("ben", message, "reaction", emoji="👍")[1]
    assert not here.change("carol", message, "reaction", emoji="")[1]
    assert not here.change("anna", message, "edit", text="hello")[1]
    assert here.table.items == before


def test_the_number_of_changes_of_a_message_is_bounded(here: Region) -> None:
    message = here.post()
    for number in range(MOST_EDITS):
        here.edit(message, f"text {number}")
    with pytest.raises(TooManyChangesError):
        here.edit(message, "once more")
    note = here.table.items[keys.note_key("room", HERE, message)]
    note["reactions"] = {str(number): ["👍", 1, 1] for number in range(MOST_REACTIONS)}
    with pytest.raises(TooManyChangesError):
        here.react("ben", message, "👍")


def test_changes_have_a_budget_of_their_own() -> None:
    here = Region(HERE, changes=1)
    message = here.post()
    here.edit(message, "one")
    before = dict(here.table.items)
    with pytest.raises(BudgetExceededError, match="one user may have 1 changes in one minute"):
        here.edit(message, "two")
    assert here.table.items == before
    here.post()


def test_a_room_that_stays_busy_is_given_up(here: Region) -> None:
    message = here.post()

    def conflict() -> None:
        raise cancelled([{"Code": "TransactionConflict"}])

    here.table.before_transaction = conflict
    with pytest.raises(RoomBusyError):
        here.edit(message, "never")


def test_a_change_is_two_reads_and_one_transaction(here: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    message = here.post()
    calls: list[str] = []
    for name in ("get_item", "batch_get_item", "query", "transact_write_items", "put_item", "update_item"):
        call = getattr(here.table, name)

        def counted(*arguments: Any, _name: str = name, _call: Any = call, **options: Any) -> Any:
            calls.append(_name)
            return _call(*arguments, **options)

        monkeypatch.setattr(here.table, name, counted)
    here.react("ben", message, "👍")
    assert calls[:3] == ["batch_get_item", "get_item", "transact_write_items"]
    assert set(calls[3:]) <= {"update_item"}, "the table in memory carries out the transaction's own updates"


def test_messages_and_changes_have_logs_of_their_own(here: Region) -> None:
    first = here.post()
    here.react("ben", first, "👍")
    here.post()
    page = here.history.read("room", {}, 10)
    assert [message["sequence"] for message in page.messages] == [1, 2]
    assert [change.sequence for change in page.changes] == [1]
    assert page.cursor == {HERE: 2, THERE: 0, f"{HERE}.changes": 1, f"{THERE}.changes": 0}


def test_who_reads_on_hears_of_changes_to_old_messages(here: Region) -> None:
    old = here.post(text="old")
    cursor = here.history.read("room", {}, 100).cursor
    for number in range(50):
        here.post(text=str(number))
    here.edit(old, "old, but true")
    page = here.history.read("room", cursor, 100)
    assert [(change.kind, change.message, change.text) for change in page.changes] == [("edit", old, "old, but true")]
    assert len(page.messages) == 50


def test_who_starts_at_the_newest_reads_the_last_changes_again(here: Region) -> None:
    message = here.post()
    for number in range(MARGIN + 5):
        here.edit(message, str(number))
    page = here.history.read_back("room", None, 10)
    assert page.messages[0]["text"] == str(MARGIN + 4)
    assert len(here.history.read("room", page.cursor, 100).changes) == MARGIN


def test_a_page_never_passes_a_change_that_is_on_its_way(here: Region, there: Region) -> None:
    message = here.post()
    for text in ("one", "two", "three"):
        here.edit(message, text)
    replicate(here, there)
    missing = there.table.items.pop(keys.change_key("room", HERE, 2))
    page = there.history.read("room", {}, 100)
    assert ([change.text for change in page.changes], page.cursor[f"{HERE}.changes"]) == (["one"], 1)
    there.table.put(missing)
    assert [change.text for change in there.history.read("room", page.cursor, 100).changes] == ["two", "three"]


def test_a_message_with_its_answer_says_what_it_answers(here: Region, there: Region) -> None:
    question = here.post("anna", "why?")
    for _ in range(3):
        here.post("carol", "something else")
    answer = here.post("ben", "because", answers=question)
    replicate(here, there)
    page = there.history.read_back("room", None, 1)
    assert (page.messages[0]["id"], page.messages[0]["answers"]) == (answer, question)
    assert [one["text"] for one in page.answered] == ["why?"]
    # One that is on the page is not sent twice, and one that nobody knows is left out.
    assert there.history.read_back("room", None, 10).answered == []
    here.post("ben", "to nobody", answers="f" * 36)
    assert here.history.read_back("room", None, 1).answered == []
    here.delete("anna", question)
    assert [one["text"] for one in here.history.read_back("room", None, 2).answered] == [""]


def test_around_a_message_are_its_neighbours_in_the_order_of_readers(here: Region, there: Region) -> None:
    ids = []
    for number in range(40):
        region = (here, there)[number % 3 == 0]
        ids.append(region.post("anna", str(number)))
        replicate(here, there)
        replicate(there, here)
    whole = here.everything()
    assert [message["id"] for message in whole] == ids
    for place in (0, 1, 17, 18, 38, 39):
        page = there.history.read_around("room", ids[place], 10)
        first = max(0, place - 4)
        assert page.messages == whole[first : place + 6]
        assert page.more == (first > 0)
        assert page.before is not None
        # What comes before and after is read on from here, without a gap and without a repetition.
        older = there.history.read_back("room", page.before, 100).messages
        newer = there.history.read("room", page.cursor, 100).messages
        assert [*older, *page.messages, *newer] == whole
    with pytest.raises(MessageNotFoundError):
        here.history.read_around("room", "unknown", 10)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["here", "there"]),
        st.sampled_from(["edit", "edit", "reaction", "reaction", "deletion", "replicate", "replicate", "publish"]),
        st.sampled_from(PEOPLE),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS, seed=st.integers(0, 1000))
def test_whatever_happens_in_which_order_both_regions_end_with_one_state(
    steps: list[tuple[str, str, str, int]], seed: int
) -> None:
    regions = {"here": Region(HERE), "there": Region(THERE)}
    chance = random.Random(seed)  # noqa: S311 - a history, not a secret
    messages = [regions["here"].post(), regions["there"].post(), regions["here"].post("carol")]
    sides = list(regions.values())
    for number, (side, what, user, index) in enumerate(steps):
        region = regions[side]
        if what == "replicate":
            replicate(region, sides[region is sides[0]], chance)
        elif what == "publish":
            region.publish()
        else:
            kind, emoji = cast("Kind", what), ("👍", "🎉", "")[number % 3]
            try:
                region.change(user, messages[index], kind, text=f"text {number}", emoji=emoji)
            except (MessageNotFoundError, NotAuthorError, MessageDeletedError, RoomBusyError):
                continue
    for _ in range(2):
        for region in sides:
            replicate(region, sides[region is sides[0]])
            region.publish()
    replicate(sides[0], sides[1])
    replicate(sides[1], sides[0])
    states = [region.everything() for region in sides]
    assert states[0] == states[1]
    assert len(states[0]) == len(messages)
    for state in states[0]:
        notes = sides[0].log.items.notes("room", [state["id"]])[state["id"]]
        assert ("deleted" in state) == is_deleted(notes.values())


@pytest.mark.parametrize("text", ["👍", "❤️", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇯🇵", "1️⃣", "👍🏽", "☺", "🫡"])
def test_one_emoji_is_a_reaction(text: str) -> None:
    assert is_emoji(text)


@pytest.mark.parametrize(
    "text", ["", "a", "👍👍", "1", "👍 ", "<b>", "🇯", "\u200d", "⠀", "👍" + "\u200d👍" * 20, "lol", "\ufe0f", "あ"]
)
def test_anything_else_is_not(text: str) -> None:
    assert not is_emoji(text)
