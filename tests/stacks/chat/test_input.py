"""What callers send that cannot be read, and names that deceive: the API by itself."""

import itertools
import json

import pytest

from tests.stacks.chat.api import Api, start


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return start(monkeypatch)


DEEP = "[" * 20_000
BODIES = {
    "brackets": DEEP,
    "objects": '{"name":' * 7_000,
    "100,000 deep": '{"a":[' * 50_000,
    "a long number": '{"size": ' + "1" * 5_000 + "}",
    "a large number": '{"size": 1e999}',
    "NaN": '{"size": NaN, "name": NaN, "typing": NaN, "text": NaN}',
    "a lone surrogate": '{"name": "\\ud800", "text": "\\ud800", "cursor": "\\ud800"}',
    "a raw lone surrogate": '{"name": "\ud800"}',
    "no JSON": "{",
    "a list": "[1]",
    "text": '"text"',
    "null": "null",
    "too large": '{"name": "' + "x" * 70_000 + '"}',
}
ROUTES = (
    "POST /session",
    "POST /rooms",
    "POST /rooms/r/members",
    "PUT /rooms/r/presence",
    "PUT /rooms/r/read",
    "POST /rooms/r/messages",
    "PUT /rooms/r/messages/m",
    "PUT /rooms/r/messages/m/reaction",
    "POST /rooms/r/uploads",
    "PUT /me/notifications",
    "POST /me/devices",
)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_cannot_be_read_is_the_callers_mistake(api: Api, body: str) -> None:
    forms = ({}, {"isBase64Encoded": True}, {"headers": {"content-type": "text/plain"}}, {"headers": {}})
    for route, more in itertools.product(ROUTES, forms):
        method, _, path = route.partition(" ")
        answer = api.answer("anna", method, path, body, **more)
        assert answer["statusCode"] in {400, 413, 415, 422}, (route, more, answer)
        assert json.loads(answer["body"])["message"]


def test_binary_that_is_no_text_is_the_callers_mistake(api: Api) -> None:
    for body in ("/////w==", "no base64", "W1tb"):
        assert api.answer("anna", "POST", "/rooms", body, isBase64Encoded=True)["statusCode"] == 422


def test_a_body_of_64_kilobytes_is_read(api: Api) -> None:
    fits = json.dumps({"name": "x" * (64 * 1024 - len('{"name": ""}'))})
    assert api.answer("anna", "POST", "/rooms", fits)["statusCode"] == 422
    assert api.answer("anna", "POST", "/rooms", fits + " ")["statusCode"] == 413


NAMES = {
    "NUL": "a\0b",
    "a line break": "a\nb",
    "a line separator": "a\u2028b",
    "zero width only": "\u200b\u200b",
    "a space of zero width": "An\u200bna",
    "right to left": "an\u202ena",
    "isolates": "\u2066anna\u2069",
    "a joiner in a word": "An\u200dna",
    "a filler": "\u3164",
    "blanks of Braille": "\u2800",
    "a selector in a word": "a\ufe0fnna",
    "spaces": "   ",
    "marks only": "\u0301",
    "tags without a flag": "anna\U000e0067",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_that_deceive_are_refused_with_a_reason(api: Api, name: str) -> None:
    for path in ("/session", "/rooms"):
        status, answer = api.call("anna", "POST", path, {"name": name})
        assert (status, "is not shown" in answer["message"] or "can be seen" in answer["message"]) == (422, True)
    assert not api.table.items


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (" Anna\u00a0B. ", "Anna\u00a0B."),
        ("Ame\u0301lie", "Am\u00e9lie"),
        ("花子 🌸", "花子 🌸"),
        ("葛\U000e0100城", "葛\U000e0100城"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("👩🏽\u200d🚀 ❤\ufe0f\u200d🔥 1\ufe0f\u20e3", "👩🏽\u200d🚀 ❤\ufe0f\u200d🔥 1\ufe0f\u20e3"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",) * 2,
        ("می\u200cخواهم",) * 2,  # noqa: RUF001 - Persian
        ("क्\u200dष",) * 2,
        ("שלום", "שלום"),
    ],
)
def test_names_of_all_scripts_are_kept_in_normal_form(api: Api, name: str, kept: str) -> None:
    assert api.call("anna", "POST", "/session", {"name": name})[1]["name"] == kept
    assert api.call("anna", "POST", "/rooms", {"name": name})[1]["name"] == kept


def test_names_are_measured_as_they_are_kept(api: Api) -> None:
    assert api.call("anna", "POST", "/session", {"name": "e\u0301" * 40})[0] == 200
    assert api.call("anna", "POST", "/session", {"name": "x" * 41})[0] == 422
