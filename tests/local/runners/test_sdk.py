"""What is kept for requests of boto3 changes nothing that is sent or returned."""

import http.client
import io
from collections.abc import Iterator

import pytest
from botocore import useragent
from hypothesis import example, given
from hypothesis import strategies as st

from cdp_constructs.local.runners import sdk

_PARSE = http.client.parse_headers
_NAMES = st.text(st.characters(max_codepoint=255), max_size=8)
_VALUES = st.text(st.characters(max_codepoint=255), max_size=12)


@pytest.fixture(autouse=True, scope="module")
def _directly() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(http.client, "parse_headers", _PARSE)
        patched.setattr(
            useragent, "sanitize_user_agent_string_component", useragent.sanitize_user_agent_string_component
        )
        patched.setattr(useragent.UserAgentComponent, "to_string", useragent.UserAgentComponent.to_string)
        sdk.read_headers_directly()
        yield


@given(
    st.lists(st.tuples(_NAMES, st.sampled_from((":", ": ", " : ", "")), _VALUES, st.sampled_from(("\r\n", "\n", "\r"))))
)
@example(
    [("a", ": ", "b ", "\r\n"), ("a", ":", "\tc", "\n"), ("", "", " goes on: here", "\r\n"), ("x", ":", "", "\r\n")]
)
@example([("From ", "", "nobody", "\r\n"), ("content-type", ": ", "multipart/mixed; boundary=x", "\r\n")])
def test_headers_are_those_that_the_parser_of_mails_reads(fields: list[tuple[str, str, str, str]]) -> None:
    sent = ("".join(map("".join, fields)) + "\r\n").encode("latin-1")
    ours, theirs = io.BytesIO(sent), io.BytesIO(sent)
    assert http.client.parse_headers(ours).items() == _PARSE(theirs).items()
    assert ours.tell() == theirs.tell()


def test_ordinary_headers_need_no_parser_of_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("email.parser.Parser.parsestr")
    headers = http.client.parse_headers(
        io.BytesIO(b"Date: Sun, 29 Nov 2026 09:00:00 GMT\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n")
    )
    assert headers["date"] == "Sun, 29 Nov 2026 09:00:00 GMT"
    assert headers.get_all("Set-Cookie") == ["a", "b"]


def test_a_user_agent_is_what_it_was_whatever_came_before() -> None:
    words = [("md", "a b#c", None), ("md", "a b", "c"), ("m", "A,B", "x" * 300)]
    before = [useragent.UserAgentComponent(*word).to_string() for word in words]
    sdk.keep_user_agents()
    for _ in range(2):
        assert [useragent.UserAgentComponent(*word).to_string() for word in words] == before
