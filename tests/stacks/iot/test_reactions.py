"""Reactions, as plain Python: an alert says where to look, and shadows are changed only as they were read."""

import json
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from stacks.iot.handlers.reactions.shadows import Shadows
from tests.handlers import import_handler

LAMP = {"lamp": True}


def payload(**document: Any) -> dict[str, Any]:
    text = json.dumps(document).encode()
    return {"payload": StreamingBody(BytesIO(text), len(text))}


def shadow(version: int, **state: Any) -> dict[str, Any]:
    return payload(version=version, state=state)


def written(version: int, desired: Mapping[str, Any]) -> dict[str, Any]:
    document = {"state": {"desired": desired}, "version": version}
    return {"thingName": "A-1", "payload": json.dumps(document)}


@pytest.fixture
def data() -> Any:
    return boto3.client("iot-data", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


@pytest.fixture
def stub(data: Any) -> Iterator[Stubber]:
    with Stubber(data) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_shadow_is_written_as_it_was_read(data: Any, stub: Stubber) -> None:
    stub.add_response("get_thing_shadow", shadow(7, reported={"lamp": False}), {"thingName": "A-1"})
    stub.add_response("update_thing_shadow", payload(version=8), written(7, LAMP))
    assert Shadows(data).desire("A-1", lambda: LAMP)


def test_what_is_desired_already_is_not_written_again(data: Any, stub: Stubber) -> None:
    stub.add_response("get_thing_shadow", shadow(7, desired={"lamp": True, "interval_seconds": 5}))
    assert not Shadows(data).desire("A-1", lambda: LAMP)


def test_whose_state_is_older_asks_again(data: Any, stub: Stubber) -> None:
    states = [{"lamp": True}, {"lamp": False}]
    stub.add_response("get_thing_shadow", shadow(7))
    stub.add_client_error("update_thing_shadow", "ConflictException", expected_params=written(7, {"lamp": True}))
    stub.add_response("get_thing_shadow", shadow(8, desired={"lamp": True}))
    stub.add_response("update_thing_shadow", payload(version=9), written(8, {"lamp": False}))
    assert Shadows(data).desire("A-1", lambda: states.pop(0))


def test_a_device_that_has_never_reported_gets_a_shadow(data: Any, stub: Stubber) -> None:
    stub.add_client_error("get_thing_shadow", "ResourceNotFoundException")
    empty = {"thingName": "A-1", "payload": json.dumps({"state": {"desired": {}}})}
    stub.add_response("update_thing_shadow", shadow(1, desired={}), empty)
    stub.add_response("update_thing_shadow", payload(version=2), written(1, LAMP))
    assert Shadows(data).desire("A-1", lambda: LAMP)


def test_an_alert_is_delivered_again_when_others_write_all_the_time(data: Any, stub: Stubber) -> None:
    for _ in range(5):
        stub.add_response("get_thing_shadow", shadow(7))
        stub.add_client_error("update_thing_shadow", "ConflictException")
    with pytest.raises(TimeoutError, match="A-1"):
        Shadows(data).desire("A-1", lambda: LAMP)


# --- alerts


def message(body: object, number: int) -> dict[str, Any]:
    return {"messageId": f"m-{number}", "body": body if isinstance(body, str) else json.dumps(body)}


@pytest.mark.parametrize(("crossed", "lamp"), [({"Occupied"}, True), ({"TooDark"}, False), (None, False)])
def test_what_is_desired_is_the_latest_state_whatever_the_alert_says(
    monkeypatch: pytest.MonkeyPatch, crossed: set[str] | None, lamp: bool
) -> None:
    variables = {"SWITCHES": '{"Occupied": "lamp"}', "SPEED_TABLE": "table", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    index = import_handler("stacks.iot.handlers.reactions")
    desired: list[tuple[str, Mapping[str, Any]]] = []

    def latest(thing: str, *, consistent: bool) -> Any:
        assert (thing, consistent) == ("A-1", True)
        return None if crossed is None else SimpleNamespace(crossed=crossed)

    def desire(thing: str, state: Callable[[], Mapping[str, Any]]) -> bool:
        desired.append((thing, state()))
        return True

    monkeypatch.setattr(index.speed, "latest", latest)
    monkeypatch.setattr(index.shadows, "desire", desire)
    alerts = [{"thing": "A-1", "threshold": "Occupied", "state": state} for state in ("crossed", "recovered")]
    bodies = [alerts[0], "no json", {"threshold": "Occupied"}, {"thing": "A-1", "threshold": "TooHot"}, alerts[1]]
    event = {"Records": [message(body, number) for number, body in enumerate(bodies)]}
    answer = index.handler(
        event, SimpleNamespace(function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r")
    )
    assert desired == [("A-1", {"lamp": lamp})] * 2
    # The others are delivered again, and then go to the dead-letter queue.
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m-1", "m-2", "m-3"]
