"""What a JPEG consists of (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator

START_OF_SCAN, END_OF_IMAGE = b"\xda", b"\xd9"
# The markers that have a segment, and the end (table B.1); restarts occur inside a scan.
_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")


def segments(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the marker, the start and the end of each segment up to the end of the image.

    Segments are skipped by their length: what they hold, such as the JPEG of a preview, is no part of the image.
    """
    position = 2
    while (marker := _MARKER.search(data, position)) and marker[1] != END_OF_IMAGE:
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
        yield marker[1], marker.start(), position
