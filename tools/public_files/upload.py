"""What the upload and the thumbnails make of a file: their own code, with the limits of their functions."""

import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from cdp_constructs.upload.handlers.confirmation.environment import Environment
from cdp_constructs.upload.handlers.confirmation.rules import (
    FIRST_BYTES,
    SIGNATURES,
    RejectedError,
    check_content,
    check_description,
)
from cdp_constructs.upload.handlers.form.content_types import accepted_type
from cdp_constructs.upload.handlers.thumbnails.decoding import Limits, shrink_within
from cdp_constructs.upload.handlers.thumbnails.images import FORMATS, UnreadableImageError

from .expectations import Outcome

# Those of ImageThumbnails: 1,536 MB without what Python and the SDK need, and the default of `decoding_timeout`.
LIMITS = Limits(seconds=10, megabytes=1536 - 128)
PIXELS = 320
RULES = Environment(
    accepted_prefix="accepted/",
    content_types=frozenset(SIGNATURES),
    max_bytes=50_000_000,
    quarantine_prefix="quarantine/",
    text_encodings=("utf-8",),
    topic_arn="",
)
# Linux counts in KiB, macOS in bytes.
_MEGABYTE = 1024**2 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Result:
    """What became of a file."""

    outcome: Outcome
    reason: str = ""
    thumbnail: bytes = field(default=b"", repr=False)
    seconds: float = 0


def upload(path: Path) -> Result:
    """Return what becomes of a file whose browser says no type, so that its name decides as on most systems."""
    content_type = accepted_type("", path.name, RULES.content_types)
    if content_type is None:
        return Result(Outcome.NO_FORM, "content type")
    data = path.read_bytes()
    try:
        check_description(f"incoming/owner/upload/{path.name}", len(data), content_type, RULES)
        check_content(content_type, data[:FIRST_BYTES], RULES.text_encodings)
    except RejectedError as error:
        return Result(Outcome.QUARANTINED, str(error))
    if content_type not in FORMATS:
        return Result(Outcome.ACCEPTED)
    began = time.monotonic()
    try:
        thumbnail = shrink_within(LIMITS, data, content_type, PIXELS)
    except UnreadableImageError as error:
        return Result(Outcome.NO_THUMBNAIL, str(error), seconds=time.monotonic() - began)
    return Result(Outcome.THUMBNAIL, "", thumbnail.content, time.monotonic() - began)


def peak_memory() -> int:
    """Return the most that a process which decoded had in memory, in MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // _MEGABYTE
