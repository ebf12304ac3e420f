"""The routes of one message: statuses, what is refused, and what others see."""

from typing import Any

import pytest

from tests.stacks.chat.api import Api, start

DELETED = "the message was deleted"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return start(monkeypatch)


def post(api: Api, user: str, room: str, text: str = "hello", **more: str) -> str:
    body = {"client_message_id": f"{user}-{text.replace(' ', '-')}", "text": text, **more}
    status, message = api.call(user, "POST", f"/rooms/{room}/messages", body)
    assert status == 201, message
    return str(message["id"])


def edit(api: Api, user: str, room: str, message: str, text: str, identity: str = "1") -> tuple[int, Any]:
    body = {"client_change_id": identity, "text": text}
    return api.call(user, "PUT", f"/rooms/{room}/messages/{message}", body)


def react(api: Api, user: str, room: str, message: str, emoji: str, identity: str = "1") -> tuple[int, Any]:
    body = {"client_change_id": identity, "emoji": emoji}
    return api.call(user, "PUT", f"/rooms/{room}/messages/{message}/reaction", body)


def test_a_message_is_edited_reacted_to_and_deleted(api: Api) -> None:
    room, _ = api.room("anna", "ben")
    message = post(api, "ben", room)
    assert [edit(api, "ben", room, message, "hello, all")[0] for _ in range(2)] == [201, 200]
    status, state = react(api, "anna", room, message, "👍")
    assert (status, state["text"], state["reactions"]["anna"][0]) == (201, "hello, all", "👍")
    assert api.call("anna", "GET", f"/rooms/{room}/messages/{message}") == (200, state)
    assert [api.call("anna", "DELETE", f"/rooms/{room}/messages/{message}")[0] for _ in range(2)] == [201, 200]
    status, page = api.call("ben", "GET", f"/rooms/{room}/messages")
    (seen,) = page["messages"]
    assert (status, seen["text"], seen["deleted"]["by"]) == (200, "", "anna")
    assert [change["kind"] for change in page["changes"]] == ["edit", "reaction", "deletion"]


def test_a_heartbeat_says_how_far_changes_are(api: Api) -> None:
    room, _ = api.room("anna")
    message = post(api, "anna", room)
    react(api, "anna", room, message, "👍")
    _, described = api.call("anna", "GET", f"/rooms/{room}")
    assert described["cursor"] == ("ap-northeast-1:0,ap-northeast-1.changes:0,us-west-2:1,us-west-2.changes:1")


def test_changes_do_not_count_as_unread(api: Api) -> None:
    room, _ = api.room("anna", "ben")
    message = post(api, "anna", room)
    cursor = api.call("ben", "GET", f"/rooms/{room}/messages")[1]["cursor"]
    assert api.call("ben", "PUT", f"/rooms/{room}/read", {"cursor": cursor}) == (200, {"unread": 0})
    edit(api, "anna", room, message, "hello again")
    (listed,) = api.call("ben", "GET", "/rooms")[1]["rooms"]
    assert listed["unread"] == 0


def test_what_is_not_allowed_says_why(api: Api) -> None:
    room, _ = api.room("anna", "ben")
    message = post(api, "anna", room)
    assert edit(api, "ben", room, message, "forged")[0] == 403
    assert api.call("ben", "DELETE", f"/rooms/{room}/messages/{message}")[0] == 403
    for status, _ in (edit(api, "anna", room, "unknown", "x"), api.call("anna", "GET", f"/rooms/{room}/messages/un")):
        assert status == 404
    api.call("anna", "DELETE", f"/rooms/{room}/messages/{message}")
    gone = (410, {"statusCode": 410, "message": DELETED})
    assert edit(api, "anna", room, message, "too late", "2") == react(api, "ben", room, message, "👍") == gone


def test_who_is_not_in_the_room_learns_nothing(api: Api) -> None:
    room, _ = api.room("anna")
    message = post(api, "anna", room)
    answers = {
        str(answer)
        for place in (room, "nowhere")
        for answer in (
            edit(api, "mallory", place, message, "forged"),
            react(api, "mallory", place, message, "👍"),
            api.call("mallory", "DELETE", f"/rooms/{place}/messages/{message}"),
            api.call("mallory", "GET", f"/rooms/{place}/messages/{message}"),
            api.call("mallory", "GET", f"/rooms/{place}/messages", queryStringParameters={"around": message}),
        )
    }
    assert len(answers) == 1
    assert "(404," in answers.pop()


def test_a_message_of_another_room_is_not_found(api: Api) -> None:
    room, _ = api.room("anna")
    other, _ = api.room("anna")
    message = post(api, "anna", room)
    assert edit(api, "anna", other, message, "moved")[0] == 404
    assert react(api, "anna", other, message, "👍")[0] == 404
    assert api.call("anna", "GET", f"/rooms/{other}/messages/{message}")[0] == 404
    post(api, "anna", other, "quoted", answers=message)
    _, page = api.call("anna", "GET", f"/rooms/{other}/messages")
    assert "answered" not in page


@pytest.mark.parametrize("emoji", ["lol", "👍👍", "<b>", " "])
def test_a_reaction_is_one_emoji(api: Api, emoji: str) -> None:
    room, _ = api.room("anna")
    status, body = react(api, "anna", room, "m", emoji)
    assert status == 422
    assert "is not one emoji" in body["message"]


def test_changes_beyond_the_budget_are_refused_with_a_time(api: Api) -> None:
    room, _ = api.room("anna")
    message = post(api, "anna", room)
    statuses = [react(api, "anna", room, message, emoji, str(n))[0] for n, emoji in enumerate(["👍", "🎉", "❤"])]
    assert statuses == [201, 201, 429]


def test_a_page_is_after_before_or_around(api: Api) -> None:
    room, _ = api.room("anna")
    message = post(api, "anna", room)
    query = {"around": message, "before": "latest"}
    assert api.call("anna", "GET", f"/rooms/{room}/messages", queryStringParameters=query)[0] == 400
    status, page = api.call("anna", "GET", f"/rooms/{room}/messages", queryStringParameters={"around": message})
    assert (status, [one["id"] for one in page["messages"]]) == (200, [message])
