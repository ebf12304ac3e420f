"""Commands: what devices reported, what sessions hold, and what other functions ask; each gets an answer."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given

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


@pytest.mark.parametrize("text", TEXTS)
def test_a_session_or_device_of_any_name_is_answered(text: str) -> None:
    with running(SUBJECT) as run:
        for path in ("/commands/{}", "/things/{}/state"):
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
