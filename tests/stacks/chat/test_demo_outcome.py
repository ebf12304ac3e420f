"""What load and drill count is told apart: lost, doubled, renumbered, reordered, and nothing of it."""

from typing import Any

import pytest

from demo.chat.live import Arrival, LiveClient
from demo.chat.outcome import Outcome, Sent, compare
from demo.chat.people import Person

ROOM = "r-1"


def message(number: int, **changes: Any) -> dict[str, Any]:
    place = {"region": "us-west-2", "sequence": number, "clock": 1000 + number}
    return {"id": f"m-{number}", "text": f"line {number}", "author": "u-1"} | place | changes


def seen_by(*messages: dict[str, Any]) -> LiveClient:
    person = Person("Hanako", "u-2", "token", {})
    client = LiveClient(person, ROOM, "http://localhost", ("us-west-2",))
    client.arrivals = {one["id"]: Arrival(one, at=2.0, live=True) for one in messages}
    return client


def outcome(*views: tuple[dict[str, Any], ...]) -> Outcome:
    """Compare these views with three messages that were accepted."""
    author = seen_by(*(message(number) for number in (1, 2, 3)))
    sent = [Sent(message(number), 1.0, author, "us-west-2") for number in (1, 2, 3)]
    return compare({ROOM: [author, *(seen_by(*view) for view in views)]}, {ROOM: sent})


def test_everything_once_and_in_order_is_sound() -> None:
    found = outcome((message(1), message(2), message(3)))
    assert found.sound
    assert (found.sent, found.deliveries, found.inside) == (3, 3, [1.0] * 3)


@pytest.mark.parametrize(
    ("view", "fault"),
    [
        ((message(1), message(3)), "lost"),
        # Another id, the same words: it was stored twice.
        ((message(1), message(2), message(3), message(4, text="line 2")), "doubled"),
        ((message(1), message(2, clock=999), message(3)), "renumbered"),
        ((message(1), message(2, clock=2000), message(3)), "reordered"),
    ],
)
def test_each_fault_is_counted(view: tuple[dict[str, Any], ...], fault: str) -> None:
    found = outcome(view)
    assert getattr(found, fault) == 1
    assert not found.sound
