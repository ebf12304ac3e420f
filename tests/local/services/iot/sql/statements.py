"""Evaluates AWS IoT SQL without a cloud."""

import json
from typing import Any

from cdp_constructs.local.services.iot.sql import Message, read_payload, statement_of

DOCUMENT = {
    "color": "red",
    "temperature": 50,
    "half": 2.5,
    "text": "12.5",
    "nothing": None,
    "yes": True,
    "foo": {"bar": "RED", "deep": {"er": [1, {"x": 2}]}},
    "numbers": [1, 2, 3],
    "e": [
        {"n": "temperature", "u": "Cel", "t": 1234, "v": 22.5},
        {"n": "light", "u": "lm", "t": 1235, "v": 135},
        {"n": "acidity", "u": "pH", "t": 1235, "v": 7},
    ],
}


def message(payload: bytes | None = None, **fields: Any) -> Message:
    payload = json.dumps(DOCUMENT).encode() if payload is None else payload
    return Message(payload, read_payload(payload), **{"topic": "things/lamp/state", **fields})


def selected(sql: str, payload: bytes | None = None, **fields: Any) -> Any:
    return statement_of(sql).select(message(payload, **fields))


def value(expression: str, payload: bytes | None = None, **fields: Any) -> Any:
    """Return the value of an expression; "Undefined" when it is left out of what is selected."""
    sql = f"SELECT {expression} AS x FROM 'a/b'"  # noqa: S608 - SQL of IoT
    return selected(sql, payload, **fields).get("x", "Undefined")
