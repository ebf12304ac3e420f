"""What SpeedLayer and BatchLayer agree on: what a record is."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError, check_no_repetition

Kind = TypeVar("Kind", bound=str)

# Fields that every record may have beside its measures; ``thing`` and ``at`` are required.
ABOUT = {"message_id": "string", "at": "bigint", "thing": "string", "context": "string", "type": "string"}
PARTITION = "hour"
GATHERED = "measurements"
"""In which a record has several measurements."""

# Lower case, because Hive and Athena know no other; of the length that Glue takes.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,254}")


def check_names(construct: Construct, option: str, names: Iterable[str]) -> list[str]:
    """Return the names of measures or columns as a list, or refuse what cannot be one in both layers.

    Raises:
        InvalidOptionError: for a string instead of a list, none, one that is taken or cannot be, and repetitions.
    """
    if isinstance(names, str) or not (listed := list(names)):
        raise InvalidOptionError(construct, option, f"is {names!r}", 'Name each, such as ["temperature"]')
    for name in listed:
        if not _NAME.fullmatch(name):
            fix = "Use lower-case letters, digits and _, as Athena's columns are written"
            raise InvalidOptionError(construct, option, f"contains {name!r}", fix)
        if name in ABOUT or name in {PARTITION, GATHERED}:
            taken = ", ".join([*ABOUT, PARTITION, GATHERED])
            raise InvalidOptionError(
                construct, option, f"contains {name!r}, which has a meaning", f"Use a name other than {taken}"
            )
    check_no_repetition(construct, option, listed)
    return listed


def check_columns(construct: Construct, columns: Mapping[str, Kind], kinds: Collection[str]) -> dict[str, Kind]:
    """Return columns with their types, or refuse what cannot be one.

    Raises:
        InvalidOptionError: for what is no mapping, names as for ``check_names``, and types that are not in ``kinds``.
    """
    if not isinstance(columns, Mapping):
        raise InvalidOptionError(
            construct, "columns", f"is {columns!r}", 'Give types, such as {"temperature": "double"}'
        )
    names = check_names(construct, "columns", columns)
    for name, kind in columns.items():
        if kind not in kinds:
            fix = f"Use one of {', '.join(kinds)}"
            raise InvalidOptionError(construct, "columns", f"contains {kind!r} for {name!r}", fix)
    return {name: columns[name] for name in names}
