"""Commands: what devices reported, what sessions hold, and what other functions ask; each gets an answer."""

import contextlib
import io
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stacks.iot.handlers.requests.grammar import NotUnderstoodError, read
from tests.properties.aws import World, strict_json
from tests.properties.events import http
from tests.properties.inputs import NUMBERS, TEXTS, UNREADABLE, altered, examples, texts, written
from tests.properties.requests import SUBJECTS
from tests.properties.running import Run, running
from tests.properties.tables import held
from tests.properties.test_requests import check

COMMANDS = SUBJECTS["cdp_constructs/iot/handlers/commands"]


class Stored:
    """What is kept about devices.

    Attributes:
        session: The item of every session.
        shadow: The shadow of every device, as text.
    """

    def __init__(self) -> None:
        self.session: dict[str, Any] = {}
        self.shadow = "{}"

    def world(self) -> World:
        """Return a world in which every device and every session exists."""
        return World(
            find=lambda key: self.session if "session" in key else {"context": "home"},
            answers={
                "iot-data.GetThingShadow": lambda _: {"payload": io.BytesIO(self.shadow.encode())},
                "iot-data.UpdateThingShadow": lambda _: {"payload": io.BytesIO(b'{"version": 1}')},
            },
        )


STORED = Stored()
SUBJECT = replace(COMMANDS, world=STORED.world)


def get(run: Run, path: str) -> Any:
    answer = run.call(http(method="GET", path=path, route=f"GET {path}"))
    check(answer)
    return answer


def test_a_session_is_shown_whatever_its_device_responded() -> None:
    item = {"thing": "A-1", "command": "ping", "status": "succeeded", "sent_at": 1, "reason": "why", "result": "{}"}
    with running(SUBJECT) as run:

        @examples(25)
        @given(result=texts({"a": [1.5, {"b": None}]}))
        def holds(result: str) -> None:
            STORED.session = {**item, "result": held(result)}
            answer = get(run, "/commands/session-1")
            assert json.loads(answer["body"])["status"] == "succeeded"

        for result in UNREADABLE:
            holds = example(result=result)(holds)
        holds()
        for number in NUMBERS:
            STORED.session = {**item, "result": held(number), "reason": held(number)}
            get(run, "/commands/session-1")


def test_a_session_or_device_of_any_name_is_answered() -> None:
    STORED.session, STORED.shadow = {"status": "pending"}, '{"state": {}}'
    with running(SUBJECT) as run:
        for path, text in itertools.product(("/commands/{}", "/things/{}/state"), TEXTS):
            get(run, path.replace("{}", text))


def test_a_state_is_shown_whatever_its_device_reported() -> None:
    reported = {"temperature": 21.5, "names": ["a"], "deep": {"a": {"b": 1}}}
    with running(SUBJECT) as run:

        @examples(25)
        @given(reported=altered(reported))
        @example(reported={"temperature": float("inf")})
        @example(reported={"names": [float("-inf"), {"a": float("inf")}]})
        @example(reported={"a": int("9" * 4000)})
        @example(reported={"a": "\ud800"})
        def holds(reported: Any) -> None:
            # AWS IoT takes JSON only, and 1e999 is JSON.
            STORED.shadow = written({"state": {"desired": {}, "reported": reported}}).replace("NaN", "0")
            get(run, "/things/A-1/state")

        holds()


ASKED: dict[str, dict[str, Any]] = {
    "send": {"operation": "send", "thing": "A-1", "command": "ping", "arguments": {"n": 1}},
    "desire": {"operation": "desire", "thing": "A-1", "state": {"on": True}},
    "status": {"operation": "status", "session": "session-1"},
    "state": {"operation": "state", "thing": "A-1"},
}


@pytest.mark.parametrize("name", ASKED)
def test_a_function_that_asks_is_answered(name: str) -> None:
    asked = ASKED[name]
    STORED.session, STORED.shadow = {"status": "pending"}, '{"state": {}}'
    with running(SUBJECT) as run:
        assert "error" not in run.call(asked)

        @examples(30)
        @given(event=altered(asked))
        def holds(event: Any) -> None:
            answer = run.call(event)
            assert answer.get("error", "-")
            strict_json(json.dumps(answer))

        values: tuple[Any, ...] = (*TEXTS, *NUMBERS, None, [], {})
        for value in values:
            for part in asked:
                holds = example(event={**asked, part: value})(holds)
            inside = {part: {"a": [value]} for part in ("arguments", "state") if part in asked}
            holds = example(event={**asked, **inside})(holds)
        events: tuple[Any, ...] = (None, [], "send", 7)
        for event in events:
            holds = example(event=event)(holds)
        holds()


@pytest.mark.parametrize(("command", "is_sent"), [("c" * 256, True), ("c" * 257, False), ("", False), ("a\nb", False)])
def test_a_command_has_a_name_of_at_most_256_characters(command: str, is_sent: bool) -> None:
    with running(SUBJECT) as run:
        answer = run.call({"operation": "send", "thing": "A-1", "command": command})
        assert ("error" in answer) != is_sent
        assert ("iot-data.Publish" in [name for name, _ in run.world.calls]) == is_sent


TITLES = ('send A-1 ping {"n": 1}', "state A-1", "send A-1 ping")
ARGUMENTS = ("1e999", "-1e999", "NaN", '"\\ud800"', '"\ud800"', "[" * 100_000, "9" * 5000, "\x00", '{"a": 1, "a": 2}')


def test_the_title_of_an_issue_asks_for_something_that_a_function_can_read_or_is_not_understood() -> None:
    @examples(25)
    @given(title=st.sampled_from([*TEXTS, *TITLES]) | altered({"n": [1]}).map(lambda value: f"send A-1 ping {value}"))
    def holds(title: str) -> None:
        with contextlib.suppress(NotUnderstoodError):
            strict_json(json.dumps(read(title).event))

    for text in (*ARGUMENTS, *UNREADABLE):
        holds = example(title=f'send A-1 ping {{"n": {text}}}')(holds)
    holds()
