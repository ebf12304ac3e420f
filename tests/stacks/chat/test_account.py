"""Who may do what in a room and how often, and what is left of an account that is deleted: the API by itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from stacks.chat.handlers.domain import rooms
from tests.stacks.chat.api import HERE, Api, refusal, start

CHOICE = {"mail": False, "push": True, "quiet_minutes": 15, "language": "en"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return start(monkeypatch)


def test_the_creator_is_told_so_and_nobody_else(api: Api) -> None:
    room, _ = api.room("anna", "ben")
    assert [api.call(user, "GET", f"/rooms/{room}")[1]["creator"] for user in ("anna", "ben")] == [True, False]


def test_a_new_invite_code_ends_the_one_before(api: Api) -> None:
    room, old = api.room("anna")
    status, answer = api.call("anna", "PUT", f"/rooms/{room}/invite")
    assert (status, answer["invite_code"] != old) == (200, True)
    assert [api.join("carl", room, code) for code in (old, answer["invite_code"])] == [404, 200]


def test_only_the_creator_changes_the_code_and_removes_members(api: Api) -> None:
    room, code = api.room("anna", "ben", "carl")
    for method, path in (("PUT", "invite"), ("DELETE", "members/carl")):
        assert api.call("ben", method, f"/rooms/{room}/{path}")[0] == 403
        strange = api.call("mallory", method, f"/rooms/{room}/{path}")
        assert strange == api.call("mallory", method, f"/rooms/nowhere/{path}")
        assert strange[0] == 404
    assert api.members(room) == ["anna", "ben", "carl"]
    assert api.join("dora", room, code) == 200


def test_who_is_removed_is_out_like_who_leaves_and_comes_back_with_a_newer_code_only(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, code = api.room("anna", "ben")
    channel = api.call("anna", "GET", f"/rooms/{room}")[1]["channel"]
    assert api.call("anna", "DELETE", f"/rooms/{room}/members/ben") == (204, {})
    assert (api.members(room), api.presence.left) == (["anna"], [(room, "ben")])
    assert api.call("anna", "GET", f"/rooms/{room}")[1]["channel"] != channel
    assert api.call("ben", "GET", f"/rooms/{room}/messages")[0] == 404
    assert "expires_at" not in api.table.items[f"ROOM#{room}", "MEMBER#ben"]
    # Again, and for who was never in it, nothing happens.
    assert [api.call("anna", "DELETE", f"/rooms/{room}/members/{user}")[0] for user in ("ben", "zoe")] == [204, 204]
    assert [api.join(user, room, code) for user in ("ben", "carl")] == [404, 200]
    monkeypatch.setattr(rooms, "timestamp", lambda: "2100-01-01T00:00:00.000+00:00")
    newer = api.call("anna", "PUT", f"/rooms/{room}/invite")[1]["invite_code"]
    assert api.join("ben", room, newer) == 200


def test_a_room_from_before_codes_could_change_keeps_removed_members_out(api: Api) -> None:
    room, code = api.room("anna", "ben")
    api.call("anna", "DELETE", f"/rooms/{room}/members/ben")
    assert "invited_since" not in api.table.items[f"ROOM#{room}", "ROOM"]
    assert api.join("ben", room, code) == 404


def test_who_left_may_come_back_and_the_mark_of_it_expires(api: Api) -> None:
    room, code = api.room("anna", "ben")
    assert api.call("ben", "DELETE", f"/rooms/{room}/members/me")[0] == 200
    assert api.table.items[f"ROOM#{room}", "MEMBER#ben"]["expires_at"] > 0
    assert api.join("ben", room, code) == 200
    assert "expires_at" not in api.table.items[f"ROOM#{room}", "MEMBER#ben"]


def test_the_creator_leaves_and_is_not_removed(api: Api) -> None:
    room, _ = api.room("anna")
    status, answer = api.call("anna", "DELETE", f"/rooms/{room}/members/anna")
    assert (status, "leave the room instead" in answer["message"]) == (409, True)
    assert api.members(room) == ["anna"]


def spend_messages(api: Api) -> Callable[[], dict[str, Any]]:
    room, _ = api.room("anna")
    numbers = iter(range(1000))

    def post() -> dict[str, Any]:
        body = {"client_message_id": str(next(numbers)), "text": "hello"}
        return api.answer("anna", "POST", f"/rooms/{room}/messages", json.dumps(body))

    return post


def spend_rooms(api: Api) -> Callable[[], dict[str, Any]]:
    return lambda: api.answer("anna", "POST", "/rooms", json.dumps({"name": "Lobby"}))


def spend_joins(api: Api) -> Callable[[], dict[str, Any]]:
    def enter() -> dict[str, Any]:
        room, code = api.room("ben")
        return api.answer("anna", "POST", f"/rooms/{room}/members", json.dumps({"invite_code": code}))

    return enter


def spend_settings(api: Api) -> Callable[[], dict[str, Any]]:
    return lambda: api.answer("anna", "PUT", "/me/notifications", json.dumps(CHOICE))


@pytest.mark.parametrize(
    ("spending", "most", "seconds"),
    [(spend_messages, 2, 60), (spend_rooms, 2, 3600), (spend_joins, 2, 3600), (spend_settings, 5, 3600)],
)
def test_one_user_may_do_so_much_and_is_told_when_to_call_again(
    api: Api, spending: Callable[[Api], Callable[[], dict[str, Any]]], most: int, seconds: int
) -> None:
    spend = spending(api)
    assert {spend()["statusCode"] for _ in range(most)} <= {200, 201}
    before = {key: item for key, item in api.table.items.items() if key[0].startswith("USER#anna")}
    refused = spend()
    left = seconds - int(api.now) % seconds
    assert (refused["statusCode"], refused["headers"]["Retry-After"]) == (429, str(left))
    assert json.loads(refused["body"])["statusCode"] == 429
    assert before == {key: item for key, item in api.table.items.items() if key[0].startswith("USER#anna")}
    api.now += left
    assert spend()["statusCode"] in {200, 201}


def test_counters_expire_and_are_of_one_region(api: Api) -> None:
    spend_rooms(api)()
    ((_, item),) = [(key, item) for key, item in api.table.items.items() if key[1].startswith("BUDGET#")]
    assert item["sk"].startswith(f"BUDGET#rooms_per_hour#{HERE}#")
    assert api.now < item["expires_at"] <= api.now + 3600


def test_joining_again_and_wrong_codes_cost_nothing(api: Api) -> None:
    room, code = api.room("ben")
    assert [api.join("anna", room, wrong) for wrong in ("x", "y")] == [404, 404]
    assert [api.join("anna", room, code) for _ in range(3)] == [200, 200, 200]


def known(api: Api) -> tuple[str, str]:
    """Let Anna be known in every way, in a room of her own and in one of Ben's."""
    mine, _ = api.room("anna", "ben")
    other, _ = api.room("ben", "anna")
    api.call("anna", "POST", "/session", {"name": "Anna"})
    api.call("anna", "POST", f"/rooms/{mine}/messages", {"client_message_id": "1", "text": "hello"})
    api.call("anna", "PUT", f"/rooms/{mine}/read", {"cursor": f"{HERE}:1"})
    api.people.choose("anna", mail=True, push=True, quiet_minutes=5, language="en", address="anna@example.com")
    api.people.add_device("anna", "fcm", "token")
    api.people.seen("anna", other)
    return mine, other


def test_a_deleted_account_is_in_no_room_and_nothing_is_known_of_it(api: Api) -> None:
    known(api)
    before = api.kept_of("anna")
    assert {kind.partition("#")[0] for kind in before} == {"BUDGET", "DEVICE", "NOTICES", "PROFILE", "READ", "SEEN"}
    mine, other = (
        room for room, _ in [(key[0].removeprefix("ROOM#"), 0) for key in api.table.items if key[1] == "ROOM"]
    )
    assert api.call("anna", "DELETE", "/me") == (204, {})
    assert [api.members(room) for room in (mine, other)] == [["ben"], ["ben"]]
    assert sorted(api.presence.left) == sorted([(mine, "anna"), (other, "anna")])
    assert {kind for kind in api.kept_of("anna") if not kind.startswith("BUDGET#")} == {"ACCOUNT"}
    assert not [key for key in api.table.items if key[0].startswith("DEVICE#")]
    assert api.pool.deleted == {"anna"}
    # What was said stays; its author has no name.
    (said,) = api.call("ben", "GET", f"/rooms/{mine}/messages")[1]["messages"]
    assert (said["author"], said["text"]) == ("anna", "hello")
    # And again, with the token that is still valid.
    assert api.call("anna", "DELETE", "/me") == (204, {})


def test_a_deleted_accounts_token_stores_nothing_any_more(api: Api) -> None:
    room, code = api.room("ben")
    api.call("anna", "DELETE", "/me")
    before = dict(api.table.items)
    for method, path, body in (
        ("POST", "/session", {"name": "Anna"}),
        ("POST", "/rooms", {"name": "Lobby"}),
        ("POST", f"/rooms/{room}/members", {"invite_code": code}),
        ("PUT", "/me/notifications", CHOICE),
        ("POST", "/me/devices", {"platform": "fcm", "token": "t"}),
    ):
        assert api.call("anna", method, path, body) == (401, {"statusCode": 401, "message": "the account was deleted"})
    assert api.table.items == before


@pytest.mark.parametrize(
    ("error", "status"),
    [(refusal("NotAuthorizedException"), 401), (ConnectTimeoutError(endpoint_url="https://cognito"), 503)],
    ids=["a revoked token", "the home Region is down"],
)
def test_without_the_user_pool_nothing_is_deleted(api: Api, error: Exception, status: int) -> None:
    known(api)
    before = dict(api.table.items)
    api.pool.fails = error
    assert api.call("anna", "DELETE", "/me")[0] == status
    assert api.table.items == before


@pytest.mark.parametrize("calls", range(1, 11))
def test_wherever_a_deletion_breaks_off_the_next_session_completes_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    known(api)
    count = 0

    def counted(write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == calls:
                raise refusal("ProvisionedThroughputExceededException")
            return write(*arguments, **options)

        return call

    with monkeypatch.context() as broken:
        for owner, name in (
            (api.table, "put_item"),
            (api.table, "delete_item"),
            (api.table, "transact_write_items"),
            (api.pool, "delete_user"),
        ):
            broken.setattr(owner, name, counted(getattr(owner, name)))
        assert api.call("anna", "DELETE", "/me")[0] == 503
    if calls == 1:
        assert {"NOTICES", "PROFILE"} <= api.kept_of("anna"), "nothing was changed"
        return
    # The address goes before anything else, and the account in the pool is the last.
    assert (calls > 2) == (api.people.preferences("anna").address is None)
    assert api.pool.deleted == set()
    assert api.call("anna", "POST", "/session", {})[0] == 401
    assert {kind for kind in api.kept_of("anna") if not kind.startswith("BUDGET#")} == {"ACCOUNT"}
    assert api.pool.deleted == {"anna"}


def test_more_rooms_than_one_call_leaves_are_left_by_the_next(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [api.room("anna")[0] for _ in range(3)]
    monkeypatch.setattr(api.module.account.deletion, "_ROOMS_IN_A_CALL", 2)
    pages = api.module.account.deletion.rooms.memberships_of

    def paged(table: Any, user: str, after: str | None, limit: int) -> tuple[list[str], str | None]:
        rest = [room for room in pages(table, user, None, 100)[0] if room > (after or "")]
        return rest[:limit], rest[limit - 1] if len(rest) > limit else None

    monkeypatch.setattr(api.module.account.deletion.rooms, "memberships_of", paged)
    answer = api.answer("anna", "DELETE", "/me", None)
    assert (answer["statusCode"], answer["headers"]["Retry-After"], api.pool.deleted) == (503, "1", set())
    assert api.call("anna", "DELETE", "/me")[0] == 204
    assert [api.members(room) for room in made] == [[], [], []]
    assert api.pool.deleted == {"anna"}
