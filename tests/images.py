"""Images that attackers make: small files that take a decoder long."""

import io
import struct
import zlib

from PIL import Image


def scanned_again(times: int, side: int = 64) -> bytes:
    """Return a progressive JPEG whose last scan, of some bytes, comes so many times more."""
    file = io.BytesIO()
    Image.new("L", (side, side), 90).save(file, "JPEG", progressive=True)
    picture = file.getvalue()
    return picture[:-2] + times * picture[picture.rindex(b"\xff\xda") : -2] + picture[-2:]


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    """Return a PNG with these chunks between header and end."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def slow_png() -> bytes:
    """Return an interlaced PNG of 64 megapixels and 2 MB, which is allowed and takes some seconds to decode."""
    packed = zlib.compressobj(1)
    rows = b"".join(packed.compress(bytes(10_000_000)) for _ in range(52)) + packed.flush()
    return png(8000, 8000, chunk(b"IDAT", rows), depth=16, colour=6, interlaced=True)
