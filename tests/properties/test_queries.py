"""What is asked of histories: times, cursors and tokens of any kind are answered, a mistake with its reason."""

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.aws import World, strict_json
from tests.properties.events import http
from tests.properties.inputs import TEXTS, VALUES, altered, examples
from tests.properties.requests import SUBJECTS
from tests.properties.running import Run, Subject, running
from tests.properties.test_requests import check

CURSOR = "us-east-1:17,us-east-1.changes:4"
PLACE = "2026-01-02T03:04:05Z/bucket/accepted/anna/u-1/a.jpg"


def _member(key: Any) -> dict[str, Any] | None:
    return {"user": "u1", "room": "room"} if key.get("sk", "").startswith("MEMBER#") else None


CHAT = replace(SUBJECTS["stacks/chat/handlers/api"], world=lambda: World(find=_member))
# Route, and the query of a request that is answered with 2xx.
QUERIES = {
    "rooms": ("/rooms", {"after": "room", "limit": "10"}),
    "messages": ("/rooms/room/messages", {"after": CURSOR, "limit": "10"}),
    "older messages": ("/rooms/room/messages", {"before": "us-east-1:17", "limit": "10"}),
    "found messages": (
        "/rooms/room/search",
        {
            "text": "a b",
            "author": "anna",
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-02-01T00:00:00+09:00",
            "after": CURSOR,
            "limit": "10",
        },
    ),
    "found files": (
        "/rooms/room/attachments",
        {
            "name": "a",
            "content_type": "image/",
            "owner": "anna",
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-02-01T00:00:00+09:00",
            "after": PLACE,
            "limit": "10",
        },
    ),
}
TIMES = (
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T23:59:60Z",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+99:99",
    "9000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "10000-01-01T00:00:00Z",
    "2026-01-01T00:00:00.0000000000001Z",
    "-1",
    "1e999",
    "99999999999999999999",
    "nan",
    "inf",
    "9" * 4000,
)
NUMBERS = ("0", "-1", "1e2", "101", "1.5", "NaN", "Infinity", "9" * 5000, "\u0663", "0x10", " 7 ", "7_0")
TOKENS = (
    "us-east-1:0",
    "us-east-1:1",
    "us-east-1:999999999999",
    "us-east-1:9999999999999",
    "us-east-1:-1",
    "us-east-1:\u0663",
    "us-east-1:1,us-east-1:2",
    "us-west-2:1",
    "us-east-1.changes:1",
    ",",
    ":",
    "us-east-1:",
    "2026-01-02T03:04:05Z/",
    "2026-13-45T99:99:99Z/bucket/a",
    "\uff19026-01-02T03:04:05Z/bucket/a",
    "2025-12-31T23:59:59Z/bucket/a",
    f"2026-01-02T03:04:05Z/{'k' * 1088}",
    f"2026-01-02T03:04:05Z/{'k' * 1089}",
    f"2026-01-02T03:04:05Z/{'é' * 545}",
    f"2026-01-02T03:04:05Z/{'é' * 1500}",
    "2026-01-02T03:04:05Z/bucket/../..",
    "2026-01-02T03:04:05Z/\x00",
    "latest",
)
NASTY = (*TEXTS, *TIMES, *NUMBERS, *TOKENS)
WRONG = {"after": (*TOKENS, "\x00", "x" * 3000), "from": TIMES, "to": TIMES, "limit": NUMBERS}


def forged(token: str) -> st.SearchStrategy[str]:
    """Return tokens that were cut off, spliced or changed."""
    cut = st.integers(0, len(token)).map(lambda end: token[:end])
    spliced = st.tuples(cut, st.sampled_from(TOKENS)).map("".join)
    places = st.tuples(st.integers(0, len(token) - 1), st.sampled_from("0:/,.~-zA\x00é\u0663"))
    return cut | spliced | places.map(lambda place: token[: place[0]] + place[1] + token[place[0] + 1 :])


@st.composite
def queries(draw: st.DrawFn, query: dict[str, str]) -> dict[str, str]:
    """Return a query of which parameters are missing, forged, or nothing that anybody can read."""
    asked = {name: value for name, value in query.items() if draw(st.booleans())}
    for name in draw(st.lists(st.sampled_from([*query, "extra"]), min_size=1, max_size=2)):
        asked[name] = draw(st.sampled_from(NASTY) | forged(query.get(name, CURSOR)))
    return asked


def ask(run: Run, path: str, query: dict[str, str]) -> Any:
    # API Gateway decodes what is escaped, and replaces what is no UTF-8.
    readable = {name: value.encode(errors="replace").decode() for name, value in query.items()}
    answer = run.call(http(method="GET", path=path, route=f"GET {path}", query=readable))
    check(answer)
    return answer


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_of_the_chat_is_answered_whatever_is_asked(name: str) -> None:
    path, query = QUERIES[name]
    with running(CHAT) as run:
        assert ask(run, path, query)["statusCode"] == 200

        @examples(30)
        @given(query=queries(query))
        def holds(query: dict[str, str]) -> None:
            ask(run, path, query)

        for parameter, wrong in WRONG.items():
            for text in wrong if parameter in query else ():
                holds = example(query={**query, parameter: text})(holds)
        holds()


def test_a_time_that_ends_before_it_begins_is_a_mistake_or_finds_nothing() -> None:
    turned = {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    with running(CHAT) as run:
        answer = ask(run, "/rooms/room/attachments", turned)
        assert (answer["statusCode"], "'from' is later than 'to'" in answer["body"]) == (400, True)
        answer = ask(run, "/rooms/room/search", turned)
        assert answer["statusCode"] == 400 or json.loads(answer["body"])["messages"] == []


def test_a_forged_token_is_never_handed_to_dynamodb() -> None:
    """What DynamoDB refuses is refused here: the stand-in answers as it does."""
    path, query = QUERIES["found files"]
    with running(CHAT) as run:
        for after in (*TOKENS, PLACE[:30], PLACE.replace("2026", "2027")):
            answer = ask(run, path, {**query, "after": after})
            starts = [
                asked for name, asked in run.world.calls if name == "dynamodb.Query" and "ExclusiveStartKey" in asked
            ]
            assert (answer["statusCode"] == 200) == bool(starts), after


def test_a_search_goes_on_behind_the_longest_name_of_an_object_and_no_longer_one() -> None:
    path, query = QUERIES["found files"]
    longest = "b" * 63 + "/" + "k" * 1024
    with running(CHAT) as run:
        for name, status in ((longest, 200), (longest + "k", 400), ("é" * 544, 200), ("é" * 545, 400)):
            assert ask(run, path, {**query, "after": f"2026-01-02T03:04:05Z/{name}"})["statusCode"] == status


PARTS = ("room", "..", "%2e%2e", "a%2Fb", "a b", "", "k" * 64, "k" * 65, "é", "a\x00", "NOTE#x", "-", "{}", "<room>")


def test_a_path_of_any_kind_is_answered() -> None:
    paths = ("/rooms/{}", "/rooms/{}/messages", "/rooms/room/messages/{}", "/rooms/room/attachments/{}")
    with running(CHAT) as run:
        for path, part in itertools.product(paths, PARTS):
            ask(run, path.replace("{}", part), {})


COLUMNS = ("window_ms", "messages", "temperature_count", "temperature_min", "temperature_max", "temperature_sum")
HEALTHY = ("1800000000000", "3", "2", "1.5", "2.5", "4.0")
NUMBERS_OF_ATHENA = ("Infinity", "-Infinity", "NaN", "1.7976931348623157E308", "-0.0", "4.9E-324")


def _results(*rows: tuple[str, ...]) -> dict[str, Any]:
    cells = [{"Data": [{"VarCharValue": cell} for cell in row]} for row in (COLUMNS, *rows)]
    return {"ResultSet": {"Rows": cells, "ResultSetMetadata": {"ColumnInfo": []}}}


def _latest(key: Any) -> dict[str, Any] | None:
    if key.get("sk") != "LATEST":
        return None
    state = {
        "context": "home",
        "type": "sensor",
        "at_ms": 1_800_000_000_000,
        "fields": {"temperature": {"value": 2.5, "at_ms": 1_800_000_000_000}},
    }
    return {"state": json.dumps(state)}


def history(*rows: tuple[str, ...]) -> Subject:
    """Return the history of things, with rows of the batch layer."""
    return Subject(
        package="stacks.iot.handlers.history",
        environment={
            "SPEED_TABLE": "speed",
            "BATCH_LAYER": json.dumps(
                {
                    "delivery_stream": "stream",
                    "database": "database",
                    "workgroup": "workgroup",
                    "table": "records",
                    "measures": ["temperature"],
                }
            ),
        },
        world=lambda: World(
            find=_latest,
            answers={
                "cloudwatch.GetMetricStatistics": {"Datapoints": []},
                "athena.StartQueryExecution": {"QueryExecutionId": "q"},
                "athena.GetQueryExecution": {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}},
                "athena.GetQueryResults": lambda _: _results(*rows),
            },
        ),
    )


def answered(run: Run, event: Any) -> dict[str, Any]:
    """Ask for a thing's history; the caller gets JSON, as from every function."""
    answer: dict[str, Any] = run.call(event)
    # Lambda's runtime writes what a function returns in this way.
    strict_json(json.dumps(answer))
    assert answer.get("error", "-")
    return answer


def test_a_history_is_answered_whatever_is_asked() -> None:
    asked = {"thing": "A-1", "minutes": 60}
    with running(history(HEALTHY)) as run:
        (minute,) = answered(run, asked)["minutes"]
        assert (minute["temperature"], minute["layer"]) == (2.0, "batch")

        @examples(40)
        @given(event=altered(asked) | st.fixed_dictionaries({"thing": VALUES, "minutes": VALUES}) | VALUES)
        @example(event=None)
        @example(event="A-1")
        @example(event=[asked])
        @example(event={"thing": "A-1", "minutes": True})
        @example(event={"thing": "A'1 OR 1=1 --"})
        def holds(event: Any) -> None:
            answered(run, event)

        holds()


def test_a_name_that_no_thing_has_is_a_mistake_of_the_caller() -> None:
    with running(history()) as run:
        for text in [text for text in TEXTS if not text.isprintable() or len(text) > 128 or not text]:
            assert answered(run, {"thing": text})["error"]
            assert not run.world.calls


@pytest.mark.parametrize("number", NUMBERS_OF_ATHENA)
def test_a_sum_that_is_not_finite_is_no_number_of_the_answer(number: str) -> None:
    """Two measures of 1.7e308 in one minute are read well, and their sum is infinite."""
    other = ("1800000060000", *HEALTHY[1:])
    with running(history((*HEALTHY[:3], number, number, number), other)) as run:
        first, last = answered(run, {"thing": "A-1"})["minutes"]
        assert last["temperature"] == 2.0
        assert first["temperature"] is None or abs(first["temperature"]) < 2e308
