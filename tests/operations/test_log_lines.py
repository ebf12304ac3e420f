"""Which error a line of a log tells, in whatever form the function wrote it."""

import json

import pytest

from cdp_constructs.operations.deployed.log_lines import LogLine

TRACEBACK = "Traceback (most recent call last):\\n  File ...\\nLookupError: no such room".replace("\\n", "\n")

ROOM, KEY = "LookupError: no such room", "UnusableKeyError: no key"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            json.dumps({"level": "ERROR", "exception": TRACEBACK, "exception_name": "LookupError"}),
            "LookupError: no such room",
        ),
        (json.dumps({"level": "WARNING", "exception": "KeyError", "exception_name": "KeyError"}), "KeyError: KeyError"),
        (
            json.dumps({"level": "ERROR", "message": "no key", "errorType": "UnusableKeyError"}),
            "UnusableKeyError: no key",
        ),
        (json.dumps({"level": "ERROR", "message": "Not published"}), "Not published"),
        (json.dumps({"level": "INFO", "message": "ValueError: quoted"}), None),
        (TRACEBACK, ROOM),
        ("[ERROR] KeyError: 'usable_from'", "KeyError: 'usable_from'"),
        ("handlers.signing.UnusableKeyError: secret x", "UnusableKeyError: secret x"),
        ("START RequestId: 1 Version: $LATEST", None),
        ("[1, 2]", None),
    ],
)
def test_a_line_tells_its_error(text: str, error: str | None) -> None:
    assert LogLine(0, text).error == error
