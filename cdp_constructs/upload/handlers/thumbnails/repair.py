"""Makes readable what browsers show and Pillow refuses: no end of the file, wrong checksums, bombs beside the image.

Pillow's own setting for that hides every failure of a decoder, such as one that gets no memory, behind black pixels.
"""

import io
import zlib

from PIL import Image
from PIL.IcoImagePlugin import IcoFile

from .bitmaps import as_pillow_reads
from .segments import segments

_END_OF_JPEG = b"\xff\xd9"
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAME = 12
"""Length, type and checksum of a chunk."""
# Of what stands beside the image: transparency, colours, which side is up, and the order of an animation's frames.
# Texts can be bombs, and a thumbnail has none of them.
_OF_USE = {b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf", b"acTL", b"fcTL", b"fdAT"}
# A picture of 256 by 256 pixels with its mask: what the largest icon that is no PNG may miss at its end.
_LARGEST_ICON = 300_000
# What Pillow says when the bytes end early or stop making sense. A decoder without memory says something else; only
# that of JPEG does not, but it needs no help with missing bytes.
_DAMAGED = ("image file is truncated", "broken data stream", "unrecognized data stream", "Truncated File Read")
_LOADED_IN_PART = {"PNG", "GIF", "BMP"}


def as_browsers_read(data: bytes, content_type: str, largest_profile: int, most_pixels: int) -> tuple[bytes, str]:
    """Return the image, with what can be corrected without guessing, and its type; what else is wrong with it stays.

    Args:
        data: The file.
        content_type: What it was uploaded as.
        largest_profile: A colour profile of a PNG that has more bytes is left out, whatever it unpacks to.
        most_pixels: The pixels of a larger bitmap stay as they are.
    """
    if content_type == "image/vnd.microsoft.icon":
        frame = _largest_frame(data)
        # Many icons are pictures of another type with a directory before them.
        if not frame.startswith(_PNG):
            return data + bytes(_LARGEST_ICON), content_type
        data, content_type = frame, "image/png"
    if content_type == "image/jpeg" and not data.endswith(_END_OF_JPEG):
        # What is missing before the end becomes grey. A segment that is cut off belongs to a scan that is not there.
        whole = next((start for _, start, end in segments(data) if max(end, start + 4) > len(data)), len(data))
        return data[:whole] + _END_OF_JPEG, content_type
    if content_type == "image/bmp":
        return as_pillow_reads(data, most_pixels), content_type
    if content_type == "image/png" and data.startswith(_PNG):
        return _readable(data, largest_profile), content_type
    return data, content_type


def loaded(image: Image.Image) -> Image.Image:
    """Return an image with its pixels, of an animation the first frame.

    Where the bytes end early or are damaged, the rest of it stays black or transparent.

    Raises:
        OSError: there is nothing of it, or it fails for another reason.
    """
    try:
        image.load()
    except OSError as error:
        if image.format not in _LOADED_IN_PART or not str(error).startswith(_DAMAGED):
            raise
        # Pillow has put the rows so far into the image, and would begin anew with what it calls tiles.
        vars(image)["tile"] = []
        if image.getbbox(alpha_only=False) is None:
            raise
        return image
    # What a PNG has for those who cannot show its animation; browsers can.
    return _first_frame(image) if getattr(image, "default_image", False) else image


def _first_frame(image: Image.Image) -> Image.Image:
    instead = image.copy()
    try:
        image.seek(1)
        image.load()
    except (EOFError, OSError, SyntaxError):
        return instead
    return image


def _largest_frame(data: bytes) -> bytes:
    first = IcoFile(io.BytesIO(data)).entry[0]
    return data[first.offset : first.offset + first.size]


def _readable(data: bytes, largest_profile: int) -> bytes:
    """Return the chunks that a thumbnail needs and that can be read, those of the image as few large ones.

    One chunk of 12 bytes after the other, the largest file has four million; a list of them would not fit into memory.
    """
    view, readable, position = memoryview(data), bytearray(_PNG), len(_PNG)
    image = bytearray()
    while position < len(data):
        end = position + _FRAME + int.from_bytes(view[position : position + 4])
        kind, content = bytes(view[position + 4 : position + 8]), view[position + 8 : end - 4]
        if kind == b"IDAT":
            # What is wrong in the image itself, its decoder finds; what is cut off, it does without.
            image += content
        else:
            readable += _chunk(b"IDAT", image) if image else b""
            image.clear()
            if _is_needed(kind, content, view[end - 4 : end], largest_profile):
                readable += view[position:end]
        position = end
    readable += _chunk(b"IDAT", image) if image else b""
    return bytes(readable)


def _chunk(kind: bytes, content: bytes | bytearray) -> bytes:
    return b"".join((len(content).to_bytes(4), kind, content, zlib.crc32(content, zlib.crc32(kind)).to_bytes(4)))


def _is_needed(kind: bytes, content: memoryview, checksum: memoryview, largest_profile: int) -> bool:
    # The case of its first letter says whether the image needs a chunk.
    if not kind[:1].islower():
        return True
    return (
        kind in _OF_USE
        and zlib.crc32(content, zlib.crc32(kind)).to_bytes(4) == checksum
        and (kind != b"iCCP" or _profile_has_at_most(largest_profile, bytes(content)))
    )


def _profile_has_at_most(most: int, content: bytes) -> bool:
    # Its name, a zero, the method of compression, and the profile.
    packed = content.partition(b"\0")[2][1:]
    try:
        return len(zlib.decompressobj().decompress(packed, most + 1)) <= most
    except zlib.error:
        return False
