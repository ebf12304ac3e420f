"""What callers make up, for tests that try anything: JSON of every kind, and text that is none."""

import json
from typing import Any

from hypothesis import strategies as st

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def bodies(*names: str, likely: tuple[Any, ...] = ()) -> st.SearchStrategy[str]:
    """Return texts, JSON, and objects with these names and, often, likely values."""
    values = JSON | st.sampled_from(likely) if likely else JSON
    objects = st.dictionaries(st.sampled_from(names), values)
    return st.text(max_size=200) | JSON.map(json.dumps) | objects.map(json.dumps)
