"""What is expected of each file, as ``expectations.json`` has it by format and, with a reason, by file."""

import json
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

_TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "expectations.json").read_text())
FOLDERS: dict[str, str] = _TABLE["folders"]
"""By project: the folder that has its test files."""


class Outcome(StrEnum):
    """What becomes of a file."""

    THUMBNAIL = "accepted, thumbnail"
    NO_THUMBNAIL = "accepted, no thumbnail"
    ACCEPTED = "accepted, no image"
    QUARANTINED = "quarantined"
    NO_FORM = "no form"


@dataclass(frozen=True)
class Expectation:
    """The outcome of a file, and why."""

    format: str
    outcome: Outcome
    because: str
    shown: bool
    """Whether a browser may show it."""


def expectation_of(name: str) -> Expectation:
    """Return what is expected of a file.

    Args:
        name: The project, and the path in it.
    """
    suffix = PurePosixPath(name).suffix.lower().removeprefix(".")
    row = next((row for row in _TABLE["formats"] if suffix in row["extensions"]), _TABLE["others"])
    format_name = str(row["format"])
    row = next((one for one in _TABLE["files"] if any(fnmatch(name, pattern) for pattern in one["names"])), row)
    return Expectation(format_name, Outcome(row["expected"]), str(row["because"]), shown=row.get("shown", True))
