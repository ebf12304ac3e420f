"""Events: one form for who publishes them, consumers of the fan-out, and clients."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.chat.handlers.domain.changes import Change
from stacks.chat.handlers.domain.events import (
    AttachmentEvent,
    ChangeEvent,
    Event,
    MembersEvent,
    MessageEvent,
    PresenceEvent,
    TypingEvent,
    entry_in,
    message_in,
    to_json,
)
from stacks.chat.handlers.domain.messages import Message

TEXT = st.text(max_size=20)
NUMBER = st.integers(min_value=1, max_value=2**53)
MESSAGES = st.builds(
    Message,
    room=TEXT,
    region=TEXT,
    sequence=NUMBER,
    clock=NUMBER,
    id=TEXT,
    author=TEXT,
    client_message_id=TEXT,
    text=TEXT,
    attachments=st.lists(TEXT, max_size=3),
    posted_at=TEXT,
    answers=st.none() | TEXT,
)
CHANGES = st.builds(
    Change,
    kind=st.sampled_from(["edit", "deletion", "reaction"]),
    room=TEXT,
    region=TEXT,
    sequence=NUMBER,
    clock=NUMBER,
    id=TEXT,
    message=TEXT,
    author=TEXT,
    text=TEXT,
    emoji=TEXT,
    changed_at=TEXT,
)
OTHERS = [
    MembersEvent(),
    PresenceEvent(user="ben", online=True),
    TypingEvent(user="ben", typing=False),
    AttachmentEvent(id="u-1"),
]


@settings(deadline=None)
@given(MESSAGES)
def test_a_message_is_read_as_it_was_published(message: Message) -> None:
    assert message_in(to_json(MessageEvent(message=message))) == message
    assert entry_in(to_json(MessageEvent(message=message))) == message


@settings(deadline=None)
@given(CHANGES)
def test_a_change_is_read_as_it_was_published_and_is_no_message(change: Change) -> None:
    published = to_json(ChangeEvent(change=change))
    assert entry_in(published) == change
    with pytest.raises(ValueError, match="message"):
        message_in(published)


@pytest.mark.parametrize("event", OTHERS)
def test_events_of_other_kinds_are_no_messages(event: Event) -> None:
    published = json.loads(to_json(event))
    assert published == asdict(event)
    assert published["kind"] == event.kind
    for read in (message_in, entry_in):
        with pytest.raises(ValueError, match="message"):
            read(to_json(event))


@settings(deadline=None)
@given(
    st.text()
    | st.recursive(st.none() | st.integers() | TEXT, lambda inner: st.dictionaries(TEXT, inner)).map(json.dumps)
)
def test_other_texts_are_refused_in_one_way(text: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        message_in(text)


def test_what_a_newer_publisher_adds_does_no_harm() -> None:
    message = Message(
        room="r", region="here", sequence=1, clock=1, id="m", author="a", client_message_id="c", text="t", posted_at="p"
    )
    body = {"kind": "message", "message": {**message.to_dict(), "colour": "red"}, "more": 1}
    assert message_in(json.dumps(body)) == message
