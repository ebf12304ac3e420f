"""Search of messages and of attachments: what is found, how much is read for it, and where the next page begins."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stacks.chat.handlers.api.ordering import message_id
from stacks.chat.handlers.domain import table as keys
from stacks.chat.handlers.domain.search import searchable
from stacks.chat.limits import LimitsConfiguration
from tests.stacks.chat.api import HERE, LIMITS, THERE, Api, start

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return start(monkeypatch)


def say(
    api: Api, room: str, region: str, sequence: int, text: str, *, author: str = "anna", minute: int, identity: str = ""
) -> None:
    """Put a message into the log of one Region, with everything that is written with it."""
    at = BEGIN + timedelta(minutes=minute)
    client_message_id = identity or f"{region}-{sequence}"
    place = {"sequence": sequence, "clock": int(at.timestamp() * 1000)}
    message = {
        "room": room,
        "region": region,
        **place,
        "id": message_id(room, author, client_message_id),
        "author": author,
        "client_message_id": client_message_id,
        "text": text,
        "attachments": [],
        "posted_at": at.isoformat(timespec="milliseconds"),
    }
    api.table.put(
        keys.as_key(keys.message_key(room, region, sequence)) | message,
        keys.as_key(keys.head_key(room, region)) | place,
        keys.as_key(keys.note_key(room, region, str(message["id"]))) | place,
    )


@pytest.fixture
def talked(api: Api) -> str:
    """A room in which Anna and Ben have talked in both Regions, a message a minute."""
    room, _ = api.room("anna", "ben")
    lines = ["Shinkansen at NINE", "新幹線は9時", "lunch?", "ｼﾝｶﾝｾﾝ の切符", "Nine shinkansen tickets", "bye"]
    for minute, text in enumerate(lines):
        author, region = (("anna", HERE), ("ben", THERE))[minute % 2]
        say(api, room, region, minute // 2 + 1, text, author=author, minute=minute)
    return room


def found(api: Api, room: str, **query: str) -> list[str]:
    status, answer = search(api, room, **query)
    assert status == 200, answer
    return [message["text"] for message in answer["messages"]]


def search(api: Api, room: str, user: str = "anna", **query: str) -> tuple[int, Any]:
    names = {"since": "from", "until": "to"}
    given = {names.get(name, name): value for name, value in query.items()}
    return api.call(user, "GET", f"/rooms/{room}/search", queryStringParameters=given)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("nine SHINKANSEN", ["Nine shinkansen tickets", "Shinkansen at NINE"]),
        ("新幹", ["新幹線は9時"]),
        ("シンカンセン", ["ｼﾝｶﾝｾﾝ の切符"]),
        ("\uff19時", ["新幹線は9時"]),
        ("nothing", []),
    ],
    ids=["words in any order and case", "inside of Japanese", "any width", "wide digits", "not there"],
)
def test_words_are_found_in_both_regions_the_newest_first(api: Api, talked: str, text: str, lines: list[str]) -> None:
    assert found(api, talked, text=text) == lines


def test_author_and_time_narrow_a_search(api: Api, talked: str) -> None:
    assert found(api, talked, author="ben") == ["bye", "ｼﾝｶﾝｾﾝ の切符", "新幹線は9時"]
    times = {"since": "2026-11-01T00:01:00Z", "until": "2026-11-01T09:03:00+09:00"}
    assert found(api, talked, **times) == ["ｼﾝｶﾝｾﾝ の切符", "lunch?", "新幹線は9時"]
    assert found(api, talked, **times, author="anna") == ["lunch?"]
    assert found(api, talked, until="2026-10-31T23:59:59Z") == []
    assert found(api, talked, since="2026-11-01T00:06:00Z") == []


def test_pages_follow_each_other_without_a_gap_or_a_double(api: Api, talked: str) -> None:
    texts: list[str] = []
    more: dict[str, str] = {}
    while True:
        _, answer = search(api, talked, limit="2", **more)
        texts += [message["text"] for message in answer["messages"]]
        if answer["after"] is None:
            break
        more = {"after": answer["after"]}
    assert texts == ["bye", "Nine shinkansen tickets", "ｼﾝｶﾝｾﾝ の切符", "lunch?", "新幹線は9時", "Shinkansen at NINE"]


def test_one_request_reads_a_bounded_part_and_says_how_far_it_came(
    api: Api, talked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[type(api.service.message_search).__module__]
    monkeypatch.setattr(module, "_CHUNK", 2)
    monkeypatch.setattr(module, "_MOST", 3)
    _, first = search(api, talked, text="9時")
    assert (first["messages"], first["searched_to"]) == ([], "2026-11-01T00:03:00.000+00:00")
    assert [line["text"] for line in search(api, talked, text="9時", after=first["after"])[1]["messages"]] == [
        "新幹線は9時"
    ]


def test_what_two_regions_accepted_is_found_once(api: Api, talked: str) -> None:
    say(api, talked, HERE, 4, "twice", minute=7, identity="same")
    say(api, talked, THERE, 4, "twice", minute=8, identity="same")
    assert found(api, talked, text="twice") == ["twice"]


def test_a_message_that_is_still_on_its_way_is_passed_over_by_nobody(api: Api, talked: str) -> None:
    del api.table.items[keys.message_key(talked, THERE, 2)]
    _, answer = search(api, talked, author="ben")
    assert [message["text"] for message in answer["messages"]] == ["bye"]
    # The other Region's log goes on where the gap is closed.
    say(api, talked, THERE, 2, "there now", author="ben", minute=3)
    assert found(api, talked, author="ben", after=answer["after"]) == ["there now", "新幹線は9時"]


def test_an_edited_message_is_found_once_by_what_it_says_now(api: Api, talked: str) -> None:
    [lunch] = search(api, talked, text="lunch")[1]["messages"]
    path = f"/rooms/{talked}/messages/{lunch['id']}"
    assert api.call("anna", "PUT", path, {"client_change_id": "1", "text": "dinner?"})[0] == 201
    assert api.call("anna", "PUT", path, {"client_change_id": "2", "text": "dinner at nine?"})[0] == 201
    assert found(api, talked, text="lunch") == []
    # The last edit is the latest that was written.
    assert found(api, talked, text="nine") == ["dinner at nine?", "Nine shinkansen tickets", "Shinkansen at NINE"]
    _, answer = search(api, talked, text="dinner", limit="1")
    assert [message["id"] for message in answer["messages"]] == [lunch["id"]]


def test_a_deleted_message_is_not_found(api: Api, talked: str) -> None:
    [lunch] = search(api, talked, text="lunch")[1]["messages"]
    path = f"/rooms/{talked}/messages/{lunch['id']}"
    assert api.call("anna", "PUT", path, {"client_change_id": "1", "text": "lunch at noon?"})[0] == 201
    assert api.call("anna", "DELETE", path)[0] == 201
    assert found(api, talked, text="lunch") == []


def test_strangers_and_former_members_find_nothing(api: Api, talked: str) -> None:
    assert search(api, talked, "mallory", text="bye")[0] == 404
    assert api.call("ben", "DELETE", f"/rooms/{talked}/members/me")[0] == 200
    assert search(api, talked, "ben", text="bye")[0] == 404
    for path in ("search", "attachments"):
        assert api.call("mallory", "GET", f"/rooms/{talked}/{path}")[0] == 404


def test_one_user_searches_so_often_and_is_told_when_to_come_back(api: Api, talked: str) -> None:
    assert LimitsConfiguration().searches_per_minute == 30
    answers = [search(api, talked, text="bye")[0] for _ in range(LIMITS.searches_per_minute + 1)]
    assert answers == [200] * LIMITS.searches_per_minute + [429]
    assert search(api, talked, "ben", text="bye")[0] == 200
    api.now += 60
    assert search(api, talked, text="bye")[0] == 200


@pytest.mark.parametrize(
    "query",
    [
        {"text": ""},
        {"text": "x" * 256},
        {"since": "yesterday"},
        {"since": "2026-11-01T00:00:00"},
        {"until": "0001-01-01T00:00:00+14:00"},
        {"after": "eu-west-1:7"},
        {"after": "x"},
        {"author": "a b"},
        {"limit": "0"},
    ],
)
def test_what_cannot_be_searched_for_is_refused(api: Api, talked: str, query: dict[str, str]) -> None:
    assert search(api, talked, **query)[0] in {400, 422}


class Index:
    """Stands for the storage index: answers one query."""

    def __init__(self, *uploads: str, last: str | None = None) -> None:
        self.asked: dict[str, Any] = {}
        self._items = [
            {
                "object": f"files/accepted/anna/{upload}/cat.jpg",
                "key": f"accepted/anna/{upload}/cat.jpg",
                "modified_at": "2026-11-01T00:00:00Z",
            }
            for upload in uploads
        ]
        self._last = last

    def query(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        more = {"modified_at": "2026-11-01T00:00:00Z", "object": self._last}
        return {"Items": self._items, **({"LastEvaluatedKey": more} if self._last else {})}


def attachments(api: Api, monkeypatch: pytest.MonkeyPatch, index: Index, **query: str) -> tuple[int, Any]:
    room, _ = api.room("anna")
    monkeypatch.setattr(api.service.attachment_search, "_index", index)
    for upload in ("u-0", "u-1", "u-2"):
        described = {"name": "cat.jpg", "content_type": "image/jpeg", "size": 1, "owner": "anna", "accepted_at": "now"}
        api.table.put(keys.as_key(keys.attachment_key(room, upload)) | described)
    status, answer = api.call("anna", "GET", f"/rooms/{room}/attachments", queryStringParameters=query)
    if index.asked:
        assert index.asked["ExpressionAttributeValues"][":room"] == room
    return status, answer


@pytest.mark.parametrize(
    ("uploads", "last", "shown", "after"),
    [
        (("u-0", "u-1", "u-2"), None, ["u-0", "u-1"], "2026-11-01T00:00:00Z/files/accepted/anna/u-1/cat.jpg"),
        (("u-0", "u-1"), None, ["u-0", "u-1"], None),
        ((), "files/x", [], "2026-11-01T00:00:00Z/files/x"),
        (("u-9", "u-0"), None, ["u-0"], None),
    ],
    ids=["more than asked for", "exactly all", "more to look through", "not (or not yet) an attachment"],
)
def test_attachments_come_in_pages(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    uploads: tuple[str, ...],
    last: str | None,
    shown: list[str],
    after: str | None,
) -> None:
    index = Index(*uploads, last=last)
    status, answer = attachments(api, monkeypatch, index, name="\uff23AT", limit="2")
    assert (status, [one["id"] for one in answer["attachments"]], answer["after"]) == (200, shown, after)
    assert (index.asked["ScanIndexForward"], index.asked["Limit"]) == (False, 1000)
    assert index.asked["ExpressionAttributeValues"][":name"] == "cat"


def test_a_list_without_a_filter_reads_no_more_than_it_shows_and_is_not_counted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index("u-0")
    for _ in range(2):
        status, _ = attachments(api, monkeypatch, index, limit="2", after="2026-11-01T00:00:00Z/files/accepted/x")
    assert (status, index.asked["Limit"], "FilterExpression" in index.asked) == (200, 2, False)
    assert index.asked["ExclusiveStartKey"]["object"] == "files/accepted/x"
    assert not {name for name in api.kept_of("anna") if "searches" in name}


def test_attachments_are_narrowed_by_owner_type_and_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index()
    times = {"from": "2026-11-01T09:00:00+09:00", "to": "2026-11-02T00:00:00Z"}
    assert attachments(api, monkeypatch, index, owner="ben", content_type="image/", **times)[0] == 200
    values = index.asked["ExpressionAttributeValues"]
    assert (values[":folder"], values[":type"]) == ("accepted/ben/", "image/")
    assert (values[":since"], values[":until"]) == ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")
    assert index.asked["FilterExpression"] == "begins_with(content_type, :type) AND begins_with(#key, :folder)"


@pytest.mark.parametrize(
    "query",
    [
        {"name": ""},
        {"after": "u-9"},
        {"after": "2026-11-01T00:00:00Z/files/x", "to": "2026-10-01T00:00:00Z"},
        {"from": "2026-11-01"},
    ],
    ids=["nothing", "of another API", "of another search", "a day without a time zone"],
)
def test_a_wrong_search_of_attachments_is_the_clients_mistake(
    api: Api, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    assert attachments(api, monkeypatch, Index(), **query)[0] in {400, 422}


def test_names_are_compared_as_the_index_keeps_them() -> None:
    from cdp_constructs.data.handlers.storage_index.objects import folded

    for name in ("PLAN.jpg", "\uff30\uff2c\uff21\uff2e.jpg", "ﾌﾟﾗﾝ ÄÖ ß.pdf", "東京"):
        assert searchable(name) == folded(name)
