"""What strangers, devices and other systems send: valid, nearly valid, and nothing that anybody can read."""

import copy
import json
import os
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

_FACTOR = float(os.environ.get("PROPERTY_EXAMPLES", "0.5"))


def examples(number: int) -> settings:
    """Return how often a property is tried: so often, times ``PROPERTY_EXAMPLES``."""
    return settings(
        max_examples=max(1, round(number * _FACTOR)),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


KEYS = ("/", "//", "..", "../x", ".", "a//b", "x/", "k" * 1024, "é" * 512, "k" * 1025, "a b+c%2F")
TEXTS = ("", " ", "\x00", "a\r\nb: c", "\ud800", "\ufffe", "\u2028", "\u202e", "x" * 3000, "é" * 1500, "{}", *KEYS)
NUMBERS = (0, -1, 1, 2**63, 10**400, int("9" * 4000), 0.5, 1e308, -1e308, float("nan"), float("inf"), float("-inf"))
VALUES = st.sampled_from([None, True, False, [], {}, [None], {"": ""}, [[1e308, 1e308]], *TEXTS, *NUMBERS]) | st.text(
    max_size=8
)

UNREADABLE = (
    "",
    " ",
    "null",
    "[]",
    "{}",
    "7",
    '"text"',
    "NaN",
    "-Infinity",
    "1e999",
    "9" * 5000,
    "[" * 100_000,
    100_000 * '{"a":',
    "[" * 100_000 + "]" * 100_000,
    '"\\ud800"',
    "\ud800",
    "\ufeff{}",
    "\x00",
    "a\r\nb",
    "\xff\xfe",
    '{"a": 1, "a": 2}',
    "{} {}",
    "x" * 300_000,
)
"""Texts that are no message of any handler."""


def _places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield (*path, name)
            yield from _places(value, (*path, name))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield (*path, number)
            yield from _places(value, (*path, number))


@st.composite
def altered(draw: st.DrawFn, document: Any) -> Any:
    """Return a document of which a part has another value or type, is missing, or is there that nobody knows."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(changed)) if isinstance(changed, dict | list) else []
        if not places:
            return changed
        *parents, last = draw(st.sampled_from(places))
        inside = changed
        for part in parents:
            inside = inside[part]
        match draw(st.sampled_from(["replace", "replace", "replace", "remove", "add"])):
            case "replace":
                inside[last] = copy.deepcopy(draw(VALUES))
            case "remove":
                del inside[last]
            case _ if isinstance(inside, dict):
                inside[draw(st.sampled_from(["extra", "", "\x00"]))] = copy.deepcopy(draw(VALUES))
            case _:
                inside.append(copy.deepcopy(draw(VALUES)))
    return changed


def written(document: Any) -> str:
    """Return a document as JSON, in which an infinite number is one that is too large for a float."""
    return json.dumps(document).replace("-Infinity", "-1e999").replace("Infinity", "1e999")


def texts(document: Any) -> st.SearchStrategy[str]:
    """Return what may arrive instead of a JSON document: one that is altered, or text that is none."""
    return altered(document).map(written) | altered(document).map(json.dumps) | st.sampled_from(UNREADABLE)
