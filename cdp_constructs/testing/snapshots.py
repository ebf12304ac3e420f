"""Templates as reviewers want to see them in a diff: without hashes that change with every byte of an asset."""

import functools
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syrupy.extensions.single_file import SingleFileSnapshotExtension

_SCRUBBED = (
    (re.compile(r"[0-9a-f]{64}"), "ASSET_HASH"),
    (re.compile(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}"), r"\1VERSION_HASH"),
)


def normalise(template: Any) -> Any:
    """Return a copy of a template in which asset and Lambda version hashes are placeholders, in keys and in values."""
    if isinstance(template, dict):
        return {_scrub(key): normalise(value) for key, value in template.items()}
    if isinstance(template, list):
        return [normalise(value) for value in template]
    return _scrub(template) if isinstance(template, str) else template


def _scrub(text: str) -> str:
    for pattern, replacement in _SCRUBBED:
        text = pattern.sub(replacement, text)
    return text


@functools.cache
def text_extension() -> "type[SingleFileSnapshotExtension]":
    """Return what makes syrupy keep a snapshot as a text file, which reads as it was printed."""
    from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

    class TextSnapshotExtension(SingleFileSnapshotExtension):
        _write_mode = WriteMode.TEXT
        file_extension = "txt"

    return TextSnapshotExtension
