"""What becomes of a document that two devices have changed."""

import json
from collections.abc import Callable
from typing import Any

__all__ = ["Merge", "merge_members"]

Merge = Callable[[str, bytes | None, bytes | None, bytes | None], bytes | None]
"""Returns the document that comes from three: its key, what both sides began with, what is here, and what is there.

None is a document that is not there, or was deleted. It must depend on nothing else.
"""


def merge_members(_key: str, base: bytes | None, mine: bytes | None, theirs: bytes | None) -> bytes | None:
    """Merge JSON objects member by member: who changed one has it, and who comes last where both did.

    An edit survives a deletion of the whole document. What is no JSON object is taken as a whole: from who comes last.
    """
    if mine == base:
        return theirs
    if theirs == base:
        return mine
    if mine is None or theirs is None:
        return theirs if mine is None else mine
    objects = [_members(one) for one in (base, mine, theirs)]
    if objects[1] is None or objects[2] is None:
        return mine
    began, here, there = objects[0] or {}, objects[1], objects[2]
    merged = {name: _member(name, began, here, there) for name in {**there, **here}}
    found = {name: value for name, value in merged.items() if value is not _ABSENT}
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


_ABSENT = object()


def _member(name: str, base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> Any:
    began, here, there = (one.get(name, _ABSENT) for one in (base, mine, theirs))
    return there if here == began else here


def _members(document: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(document or b"null")
    except (RecursionError, ValueError):
        return None
    return found if isinstance(found, dict) else None
