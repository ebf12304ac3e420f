"""Images that attackers make: small files that take a decoder long, or much memory."""

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


def packed(size: int) -> bytes:
    """Return so many zeros as zlib packs them."""
    packing, step = zlib.compressobj(9), 10_000_000
    parts = [packing.compress(bytes(min(step, size - start))) for start in range(0, size, step)]
    return b"".join(parts) + packing.flush()


def bmp(width: int, height: int, bits: int, pixels: bytes = b"", *, compression: int = 0) -> bytes:
    """Return a BMP that says it has this size, with a black palette where it needs one."""
    colours = 2**bits if bits <= 8 else 0
    start = 14 + 40 + 4 * colours
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 2835, 2835, colours, 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + bytes(4 * colours) + pixels


def icon(picture: bytes, width: int = 0, height: int = 0, bits: int = 32) -> bytes:
    """Return an icon of one picture, which is a PNG, or a BMP without its first 14 bytes; 0 stands for 256."""
    entry = struct.pack("<BBBBHHII", width, height, 0, 0, 1, bits, len(picture), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + picture


def saying_its_size(kind: str, width: int, height: int) -> bytes:
    """Return a WebP, AVIF or GIF of 16 by 16 pixels whose header says that it is larger."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, kind, **({"xmp": b"text"} if kind == "WEBP" else {}))
    content = bytearray(file.getvalue())
    if kind == "WEBP":
        content[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == "AVIF":
        at = content.index(b"ispe") + 8
        content[at : at + 8] = struct.pack(">II", width, height)
    else:
        at = content.index(b",", 13) + 5
        content[6:10] = content[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(content)
