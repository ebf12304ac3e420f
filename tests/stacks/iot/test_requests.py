"""What an issue of Backlog asks for, and how it is answered."""

import contextlib
import json
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.iot.handlers.requests.grammar import NotUnderstoodError, read
from tests.handlers import import_handler

CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1")


@pytest.mark.parametrize(
    ("title", "event"),
    [
        ("state desk-1", {"operation": "state", "thing": "desk-1"}),
        ("  send desk-1 report ", {"operation": "send", "thing": "desk-1", "command": "report"}),
        (
            'send desk-1 blink {"times": 3}',
            {"operation": "send", "thing": "desk-1", "command": "blink", "arguments": {"times": 3}},
        ),
    ],
)
def test_a_title_is_an_operation_of_the_function_of_commands(title: str, event: dict[str, Any]) -> None:
    assert read(title).event == event


@pytest.mark.parametrize(
    "title", ["", "state", "send desk-1", "It leaks", "state a b", "send d c {", 'send d c {"a": NaN}']
)
def test_any_other_title_is_answered_with_how_to_write_it(title: str) -> None:
    with pytest.raises(NotUnderstoodError, match="send <device> <command>"):
        read(title)


@given(title=st.text(max_size=200))
def test_no_title_is_an_error(title: str) -> None:
    with contextlib.suppress(NotUnderstoodError):
        assert read(title).thing


class Space:
    """Stands for Backlog's API and for the function of commands."""

    def __init__(self) -> None:
        self.titles: dict[str, str] = {}
        self.comments: dict[str, list[str]] = {}
        self.invoked: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.status = 200
        self.asked: list[str] = []

    def request(self, method: str, url: str, *, body: str | None, **_options: Any) -> Any:
        self.asked.append(url)
        parts = urlsplit(url)
        assert (parts.netloc, parse_qs(parts.query)["apiKey"]) == ("example.backlog.com", ["key"])
        key, _, comments = parts.path.removeprefix("/api/v2/issues/").partition("/")
        if self.status != 200:
            return SimpleNamespace(status=self.status)
        if key not in self.titles:
            return SimpleNamespace(status=404)
        if not comments:
            return self._json({"issueKey": key, "summary": self.titles[key]})
        if method == "POST":
            self.comments.setdefault(key, []).append(parse_qs(str(body))["content"][0])
        return self._json([{"content": text} for text in reversed(self.comments.get(key, []))])

    def _json(self, document: Any) -> Any:
        return SimpleNamespace(status=200, data=json.dumps(document).encode())

    def invoke(self, *, Payload: bytes, **_options: Any) -> dict[str, Any]:  # noqa: N803
        self.invoked.append(json.loads(Payload))
        answer = self.answers.pop(0)
        return {
            "Payload": SimpleNamespace(read=lambda: json.dumps(answer)),
            **({"FunctionError": "Unhandled"} if "errorType" in answer else {}),
        }


@pytest.fixture
def space() -> Space:
    return Space()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, space: Space) -> ModuleType:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "BACKLOG_URL": "https://example.backlog.com",
        "BACKLOG_API_KEY": "secret",
        "COMMANDS": "commands",
    }.items():
        monkeypatch.setenv(name, value)
    module = import_handler("stacks.iot.handlers.requests")
    monkeypatch.setattr(module, "functions", space)
    monkeypatch.setattr(module, "_POLL_SECONDS", 0)
    monkeypatch.setattr(module.parameters, "get_secret", lambda *_, **__: "key")
    monkeypatch.setattr("urllib3.PoolManager", lambda **_: space)
    return module


def _deliver(index: ModuleType, *deliveries: dict[str, Any] | str, replay: str | None = None) -> list[str]:
    """Return the deliveries that are to be delivered again."""
    records = [
        {
            "messageId": str(number),
            "body": json.dumps(
                {"id": f"d{number}", "replay": replay, "body": one if isinstance(one, str) else json.dumps(one)}
            ),
            "attributes": {"MessageGroupId": str(number)},
            "eventSourceARN": "arn:aws:sqs:us-east-1:1:q.fifo",
        }
        for number, one in enumerate(deliveries)
    ]
    answer = index.handler({"Records": records}, CONTEXT)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def _added(number: int, kind: int = 1) -> dict[str, Any]:
    return {
        "id": 100 + number,
        "type": kind,
        "project": {"projectKey": "OPS"},
        "content": {"id": number, "key_id": number},
    }


def test_a_request_is_done_once_and_answered_in_its_issue(index: ModuleType, space: Space) -> None:
    space.titles["OPS-1"] = "state desk-1"
    space.answers = [{"reported": {"lamp": True}}, {"reported": {"lamp": False}}]
    assert _deliver(index, _added(1)) == []
    assert _deliver(index, _added(1)) == []
    (comment,) = space.comments["OPS-1"]
    assert '"lamp": true' in comment
    assert space.invoked[0] == {"operation": "state", "thing": "desk-1"}


def test_a_command_is_waited_for(index: ModuleType, space: Space) -> None:
    space.titles["OPS-1"] = "send desk-1 report"
    space.answers = [
        {"session": "s", "status": "pending"},
        {"session": "s", "status": "pending"},
        {"status": "succeeded"},
    ]
    _deliver(index, _added(1))
    assert space.invoked[1:] == [{"operation": "status", "session": "s"}] * 2
    assert '"status": "succeeded"' in space.comments["OPS-1"][0]


def test_what_the_delivery_says_of_the_issue_is_not_believed(index: ModuleType, space: Space) -> None:
    forged = _added(1)
    forged["content"]["summary"] = "send desk-1 reboot"
    space.titles["OPS-1"] = "The lamp is broken"
    assert _deliver(index, forged) == []
    assert space.invoked == []
    assert "send <device> <command>" in space.comments["OPS-1"][0]
    assert _deliver(index, _added(2)) == [], "an issue that does not exist asks for nothing"
    assert "OPS-2" not in space.comments


def test_only_issues_that_were_added_are_requests(index: ModuleType, space: Space) -> None:
    space.titles["OPS-1"] = "state desk-1"
    # The answer itself is such an event: a comment.
    assert _deliver(index, _added(1, kind=2), _added(1, kind=3)) == []
    assert (space.asked, space.comments) == ([], {})


def test_a_refusal_of_the_function_is_an_answer(index: ModuleType, space: Space) -> None:
    space.titles["OPS-1"] = "state nobody"
    space.answers = [{"error": "there is no thing nobody"}]
    _deliver(index, _added(1))
    assert space.comments["OPS-1"][0].startswith("Refused: there is no thing nobody")


def test_a_replay_answers_again(index: ModuleType, space: Space) -> None:
    space.titles["OPS-1"] = "state desk-1"
    space.answers = [{"reported": {}}, {"reported": {}}]
    _deliver(index, _added(1))
    _deliver(index, _added(1), replay="again")
    assert len(space.comments["OPS-1"]) == 2


@pytest.mark.parametrize("status", [302, 401, 429, 500])
def test_while_backlog_does_not_answer_the_request_is_delivered_again(
    index: ModuleType, space: Space, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    space.titles["OPS-1"], space.status = "state desk-1", status
    assert _deliver(index, _added(1)) == ["0"]
    assert "apiKey" not in caplog.text


def test_a_failing_function_and_unreadable_deliveries_cost_only_themselves(index: ModuleType, space: Space) -> None:
    space.titles = {"OPS-1": "state desk-1", "OPS-3": "state desk-3"}
    space.answers = [{"errorType": "Timeout"}, {"reported": {}}]
    failed = _deliver(index, _added(1), "no JSON", _added(3), "[]", '{"id": 1, "type": 1}')
    assert failed == ["0", "1", "3", "4"]
    assert list(space.comments) == ["OPS-3"]
