"""The HTTP routes of commands, and what is published to which device, as plain Python."""

import base64
import io
import json
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.handlers import import_handler

CONTEXT = SimpleNamespace(
    function_name="commands", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="1"
)


class Cloud:
    """Stands for DynamoDB, SQS and AWS IoT; notes in which order it was asked."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {"list": {"s1": {"context": "home"}}, "sessions": {}}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.shadow: dict[str, Any] | None = None

    def Table(self, name: str) -> Any:  # noqa: N802 - boto3's name
        def get_item(**request: Any) -> dict[str, Any]:
            item = self.tables[name].get(next(iter(request["Key"].values())))
            return {"Item": item} if item else {}

        def put_item(**request: Any) -> None:
            self.asked.append(("put_item", request["Item"]))
            self.tables[name][request["Item"]["session"]] = request["Item"]

        return SimpleNamespace(get_item=get_item, put_item=put_item)

    def send_message(self, **request: Any) -> None:
        self.asked.append(("send_message", request))

    def publish(self, **request: Any) -> None:
        self.asked.append(("publish", request))

    def update_thing_shadow(self, **request: Any) -> dict[str, Any]:
        self.asked.append(("update_thing_shadow", request))
        return {"payload": io.BytesIO(b'{"version": 3}')}

    def get_thing_shadow(self, **_request: Any) -> dict[str, Any]:
        if self.shadow is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetThingShadow")
        return {"payload": io.BytesIO(json.dumps({"state": self.shadow}).encode())}


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> ModuleType:
    for name, value in {
        "ALLOW_LIST": "list",
        "APP": "talk",
        "OUTCOMES": "queue",
        "SESSIONS": "sessions",
        "TIMEOUT_SECONDS": "20",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.iot.handlers.commands")
    monkeypatch.setattr(module, "sessions", module.Sessions(cloud.Table("sessions"), cloud, "queue"))
    monkeypatch.setattr(module, "devices", module.Devices(cloud.Table("list"), cloud, "talk"))
    return module


def http(commands: ModuleType, method: str, path: str, body: Any = None, *, encoded: bool = False) -> tuple[int, Any]:
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": encoded,
    }
    answer = commands.handler(event, CONTEXT)
    return answer["statusCode"], json.loads(answer["body"])


def test_command_is_noted_and_its_end_seen_to_before_the_device_hears_of_it(commands: ModuleType, cloud: Cloud) -> None:
    status, answer = http(commands, "POST", "/things/s1/commands", {"command": "ping", "arguments": {"n": 1}})
    assert (status, answer["status"]) == (202, "pending")
    assert [name for name, _ in cloud.asked] == ["put_item", "send_message", "publish"]
    end, sent = cloud.asked[1][1], cloud.asked[2][1]
    assert (end["DelaySeconds"], json.loads(end["MessageBody"])["status"]) == (20, "timed_out")
    assert sent["topic"] == "cmd/talk/home/s1/req"
    assert json.loads(sent["payload"])["session"] == answer["session"]
    status, answer = http(commands, "GET", f"/commands/{answer['session']}")
    assert (status, answer["status"], answer["thing"]) == (200, "pending", "s1")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/things/nobody/commands", {"command": "ping"}, 404),
        ("POST", "/things/s1/commands", {}, 400),
        ("POST", "/things/s1/commands", {"command": 7}, 400),
        ("POST", "/things/s1/commands", {"command": "ping", "topic": "cmd/#"}, 400),
        ("POST", "/things/s1/commands", "no json", 400),
        ("GET", "/commands/unknown", None, 404),
        ("PUT", "/things/s1/desired", {"state": "on"}, 400),
        ("PUT", "/things/s1/desired", {"state": {"text": "x" * 9000}}, 400),
        ("GET", "/things/nobody/state", None, 404),
    ],
)
def test_mistakes_are_answered_and_nothing_is_told(
    commands: ModuleType, cloud: Cloud, method: str, path: str, body: Any, status: int
) -> None:
    assert http(commands, method, path, body)[0] == status
    assert cloud.asked == []


@pytest.mark.parametrize(
    "body",
    [b'{"command": "\xff"}', b"\xff\xfe{\x00}\x00", b"\x80", '{"command": "点検"}'.encode("cp932")],
)
def test_a_body_that_is_not_utf_8_is_answered_with_the_reason(commands: ModuleType, cloud: Cloud, body: bytes) -> None:
    for method, path in (("POST", "/things/s1/commands"), ("PUT", "/things/s1/desired")):
        status, answer = http(commands, method, path, base64.b64encode(body).decode(), encoded=True)
        assert (status, answer["message"][:21]) == (400, "the body is an object")
    assert cloud.asked == []


def test_a_body_in_base64_is_read(commands: ModuleType, cloud: Cloud) -> None:
    body = base64.b64encode('{"command": "点検"}'.encode()).decode()
    assert http(commands, "POST", "/things/s1/commands", body, encoded=True)[0] == 202
    assert json.loads(cloud.asked[2][1]["payload"])["command"] == "点検"


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", '"\\ud800"'])
def test_what_json_does_not_have_is_refused_where_a_body_is_read(
    commands: ModuleType, cloud: Cloud, number: str
) -> None:
    sent = http(commands, "POST", "/things/s1/commands", f'{{"command": "ping", "arguments": {{"n": {number}}}}}')
    desired = http(commands, "PUT", "/things/s1/desired", f'{{"state": {{"n": {number}}}}}')
    for (status, answer), names in ((sent, "command, arguments"), (desired, "state")):
        assert (status, answer["message"]) == (400, f"the body is an object with {names}")
    assert cloud.asked == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_does_not_have_is_refused_where_an_operation_uses_it(
    commands: ModuleType, cloud: Cloud, value: object
) -> None:
    # A direct invocation has no body, so that the check of the operation stands alone.
    send = {"operation": "send", "thing": "s1", "command": "ping", "arguments": {"n": value}}
    desire = {"operation": "desire", "thing": "s1", "state": {"n": value}}
    for event, problem in ((send, "arguments have a number that is not finite"), (desire, "with finite numbers")):
        assert problem in commands.handler(event, CONTEXT)["error"]
    assert cloud.asked == []


def test_desired_state_goes_to_the_shadow(commands: ModuleType, cloud: Cloud) -> None:
    assert http(commands, "PUT", "/things/s1/desired", {"state": {"on": True}}) == (200, {"version": 3})
    assert json.loads(cloud.asked[0][1]["payload"]) == {"state": {"desired": {"on": True}}}


def test_state_of_a_device_that_never_spoke_is_empty(commands: ModuleType, cloud: Cloud) -> None:
    nothing: dict[str, Any] = {"desired": {}, "reported": {}, "delta": {}}
    assert http(commands, "GET", "/things/s1/state") == (200, nothing)
    cloud.shadow = {"desired": {"on": True}, "delta": {"on": True}}
    assert http(commands, "GET", "/things/s1/state")[1]["delta"] == {"on": True}


def test_direct_invocation_says_what_is_wrong(commands: ModuleType) -> None:
    assert "operation" in commands.handler({}, CONTEXT)["error"]
    assert "device" in commands.handler({"operation": "send", "thing": "nobody", "command": "ping"}, CONTEXT)["error"]
    assert "unexpected" in commands.handler({"operation": "status", "session": "s", "more": 1}, CONTEXT)["error"]


def test_routes_below_a_path_are_answered(monkeypatch: pytest.MonkeyPatch, commands: ModuleType, cloud: Cloud) -> None:
    monkeypatch.setenv("PATH_PREFIX", "/fleet")
    below = import_handler(commands.__package__ or "")
    monkeypatch.setattr(below, "sessions", commands.sessions)
    monkeypatch.setattr(below, "devices", commands.devices)
    assert http(below, "POST", "/fleet/things/s1/commands", {"command": "ping"})[0] == 202
    assert http(below, "GET", "/fleet/things/nobody/state")[0] == 404
    assert len(cloud.asked) == 3
