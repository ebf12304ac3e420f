"""Mends what browsers show and Pillow refuses: files without their end, or with a wrong checksum beside the image.

Pillow's own setting for that hides every failure of a decoder, such as one that gets no memory, behind black pixels.
"""

import zlib
from collections.abc import Iterator

_END_OF_JPEG = b"\xff\xd9"
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAME = 12
"""Length, type and checksum of a chunk."""


def as_browsers_read(data: bytes, content_type: str) -> bytes:
    """Return the image with what can be mended without guessing; what else is wrong with it stays."""
    if content_type == "image/jpeg" and not data.endswith(_END_OF_JPEG):
        # What is missing before the end becomes grey.
        return data + _END_OF_JPEG
    if content_type == "image/png" and data.startswith(_PNG):
        return b"".join(_readable_chunks(data))
    return data


def _readable_chunks(data: bytes) -> Iterator[bytes]:
    """Yield the signature and the chunks, without those beside the image whose checksum is wrong."""
    yield _PNG
    view = memoryview(data)
    position = len(_PNG)
    while position < len(data):
        length = int.from_bytes(view[position : position + 4])
        end = position + _FRAME + length
        kind, checked = view[position + 4 : position + 8], view[position + 4 : end - 4]
        # The case of a chunk's first letter says whether the image needs it.
        is_beside_the_image = bytes(kind[:1]).islower()
        if not is_beside_the_image or zlib.crc32(checked) == int.from_bytes(view[end - 4 : end]):
            yield bytes(view[position:end])
        position = end
