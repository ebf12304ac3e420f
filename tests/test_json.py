"""What handlers read JSON with: ``pydantic_core.from_json``. It is bounded, so no text makes a function fail."""

import time

import pytest
from pydantic_core import from_json

REFUSED = {
    "deep list": "[" * 100_000,
    "deep list that is closed": 250 * "[" + 250 * "]",
    "deep object": 100_000 * '{"a":',
    "huge integer": "9" * 1_000_000,
    "NaN": "NaN",
    "infinite": "-Infinity",
    "half a surrogate": '"\\ud800"',
    "no UTF-8": b'"\xff"',
    "byte order mark": b"\xef\xbb\xbf{}",
    "nothing": "",
    "more than one": "{} {}",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_no_handler_can_use_is_a_value_error(text: str | bytes) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="line 1 column"):
        from_json(text, allow_inf_nan=False)
    assert time.process_time() - began < 1


def test_what_systems_send_is_read() -> None:
    deep = 150 * "[" + 150 * "]"
    assert from_json(deep, allow_inf_nan=False)
    assert from_json('{"a": [1, 2.5, "\\ud83d\\ude00", null, true]}') == {"a": [1, 2.5, "😀", None, True]}
