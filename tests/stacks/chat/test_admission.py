"""While what was accepted is delivered late, nothing more is accepted, and the client knows when to call again."""

import json
from typing import Any

import pytest

from stacks.chat.handlers.domain import table as keys
from tests.stacks.chat.api import HERE, THERE, Api, start


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return start(monkeypatch)


@pytest.fixture
def room(api: Api) -> str:
    return api.room("anna", "ben")[0]


def be_late(api: Api, seconds: float = 3, region: str = HERE) -> None:
    """Note that delivery is late, as the live publisher does."""
    api.table.put(keys.as_key(keys.lag_key(region)) | {"late_until_ms": round((api.now + seconds) * 1000)})


def post(api: Api, room: str, identity: str = "1", **more: Any) -> dict[str, Any]:
    body = json.dumps({"client_message_id": identity, "text": "hello"})
    return api.answer("anna", "POST", f"/rooms/{room}/messages", body, **more)


def texts_of(api: Api, room: str) -> int:
    return len(api.call("anna", "GET", f"/rooms/{room}/messages")[1]["messages"])


def test_a_message_is_refused_while_delivery_is_late_and_accepted_again_when_it_is_not(api: Api, room: str) -> None:
    be_late(api, seconds=2.5)
    refused = post(api, room)
    assert (refused["statusCode"], refused["headers"]["Retry-After"]) == (429, "3")
    assert "too much is being written" in json.loads(refused["body"])["message"]
    assert texts_of(api, room) == 0
    api.now += 2.6
    assert post(api, room)["statusCode"] == 201
    assert texts_of(api, room) == 1


def test_changes_are_refused_as_messages_are(api: Api, room: str) -> None:
    path = f"/rooms/{room}/messages/{json.loads(post(api, room)['body'])['id']}"
    api.now += 2
    be_late(api)
    body = {"client_change_id": "1"}
    assert api.call("anna", "PUT", path, body | {"text": "hello, all"})[0] == 429
    assert api.call("anna", "PUT", f"{path}/reaction", body | {"emoji": "👍"})[0] == 429
    assert api.call("anna", "DELETE", path)[0] == 429
    assert api.call("anna", "GET", path)[1]["text"] == "hello"


def test_reading_and_heartbeats_are_answered_while_delivery_is_late(api: Api, room: str) -> None:
    be_late(api)
    assert post(api, room)["statusCode"] == 429
    assert api.call("anna", "GET", f"/rooms/{room}/messages")[0] == 200
    assert api.call("anna", "GET", f"/rooms/{room}")[0] == 200


def test_a_message_that_was_stored_before_is_found_by_an_environment_that_does_not_know_yet(
    api: Api, room: str
) -> None:
    assert post(api, room)["statusCode"] == 201
    api.now += 2
    be_late(api)
    assert post(api, room)["statusCode"] == 200


def test_who_is_not_in_the_room_does_not_learn_how_late_it_is(api: Api, room: str) -> None:
    be_late(api)
    assert api.call("mallory", "POST", f"/rooms/{room}/messages", {"client_message_id": "1", "text": "x"})[0] == 404


def test_another_region_being_late_is_no_reason(api: Api, room: str) -> None:
    be_late(api, region=THERE)
    assert post(api, room)["statusCode"] == 201


@pytest.mark.parametrize(("waited", "status"), [(4.9, 201), (5.1, 429)])
def test_a_request_that_waited_for_half_of_the_time_is_refused(api: Api, room: str, waited: float, status: int) -> None:
    arrived = api.now
    api.now += waited
    context = {
        "http": {"method": "POST", "path": f"/rooms/{room}/messages"},
        "timeEpoch": round(arrived * 1000),
        "stage": "$default",
        "authorizer": {"jwt": {"claims": {"sub": "anna"}}},
    }
    assert post(api, room, requestContext=context)["statusCode"] == status


def test_the_note_costs_no_request_and_is_read_once_a_second(
    api: Api, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[tuple[str, str]]] = []
    read = api.table.batch_get_item

    def batch_get_item(RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - as boto3 has it
        asked.append([(key["pk"], key["sk"]) for key in RequestItems["chat"]["Keys"]])
        return read(RequestItems)

    monkeypatch.setattr(api.table, "batch_get_item", batch_get_item)
    for number in range(2):
        assert post(api, room, str(number))["statusCode"] == 201
    note = keys.lag_key(HERE)
    assert [note in wanted for wanted in asked] == [True, False]
    api.now += 60
    be_late(api)
    # Once it is known, a refusal reads nothing at all.
    assert [post(api, room, str(number))["statusCode"] for number in range(2, 4)] == [429, 429]
    assert [note in wanted for wanted in asked] == [True, False, True]


def test_each_refusal_is_counted_for_the_alarm(api: Api, room: str, capsys: pytest.CaptureFixture[str]) -> None:
    be_late(api)
    for number in range(2):
        post(api, room, str(number))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counted = [line for line in lines if "RefusedPosts" in line]
    assert [line["RefusedPosts"] for line in counted] == [[1.0], [1.0]]
    assert {line["function_name"] for line in counted} == {"chat-api"}


def test_without_a_bound_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    api = start(monkeypatch, MAX_DELIVERY_LAG=None)
    room, _ = api.room("anna")
    be_late(api)
    assert post(api, room)["statusCode"] == 201
