"""Wildcards of policies: what they match, and that no value makes that slow."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs.local.services.iam.wildcards import _compiled

TEXTS = st.text("ab/\n.A", max_size=8)


def matches(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    compiled = _compiled._make(None)
    return compiled(pattern, ignore_case).match(value) is not None


@given(pattern=st.text("ab/*?.", max_size=8), value=TEXTS)
def test_a_pattern_matches_what_its_characters_say(pattern: str, value: str) -> None:
    meaning = {"*": ".*", "?": "."}
    plain = "".join(meaning.get(character, re.escape(character)) for character in pattern)
    assert matches(pattern, value) is (re.fullmatch(plain, value, re.DOTALL) is not None)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("*", "", True),
        ("*", "a\nb", True),
        ("a", "a\n", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*ab*b", "aabb", True),
        ("**", "x", True),
        ("s3:Get*", "s3:getobject", False),
        ("arn:aws:s3:::photos/*/?.jpg", "arn:aws:s3:::photos/u1/é.jpg", True),
    ],
)
def test_examples(pattern: str, value: str, expected: bool) -> None:
    assert matches(pattern, value) is expected
    assert not expected or matches(pattern.upper(), value.lower(), ignore_case=True)


def test_many_stars_and_a_long_key_take_no_time() -> None:
    started = time.process_time()
    assert not matches("*a" * 40 + "*b", "a" * 1024)
    assert time.process_time() - started < 1
