"""Small files that unpack to more than anybody's picture: memory and time stay within the function's."""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.images import bmp, chunk, icon, packed, png, saying_its_size, scanned_again, slow_png

pytestmark = pytest.mark.security

ROOT = Path(__file__).parents[3]
MEGABYTES, SECONDS = 1536 - 128, 10
# A new interpreter, as in a function; it says what became of the image, and what decoding it took. Its own limit is one
# of the clock, and higher: a busy machine is slower than the processor time that is asserted.
DECODE = f"""
import json, resource, sys
from cdp_constructs.upload.handlers.thumbnails import decoding
limits = decoding.Limits({6 * SECONDS}, {MEGABYTES})
try:
    decoding.shrink_within(limits, sys.stdin.buffer.read(), sys.argv[1], 320)
    became = "thumbnail"
except decoding.UnreadableImageError as error:
    became = str(error)
children = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([became, children.ru_maxrss // 1024, children.ru_utime + children.ru_stime]))
"""
PIXEL = chunk(b"IDAT", zlib.compress(bytes(25 * 8)))
BLACK = chunk(b"IDAT", packed(30_000 * 3_751))
LONG_ROWS = 8000 * (31 * b"\xff\x01" + b"\x5f\x01\x00\x00")


def saved(mode: str, size: tuple[int, int], kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, **options)
    return file.getvalue()


def of_entries(number: int) -> bytes:
    picture = bmp(16, 32, 32, bytes(16 * 16 * 4 + 64))[14:]
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(picture), 6 + 16 * number)
    return struct.pack("<HHH", 0, 1, number) + number * entry + picture


@pytest.mark.parametrize(
    ("content_type", "content", "became"),
    [
        ("image/jpeg", lambda: saved("RGB", (20_000, 10_000), "JPEG"), "thumbnail"),
        ("image/jpeg", lambda: saved("CMYK", (7_000, 7_000), "JPEG", progressive=True), "thumbnail"),
        ("image/jpeg", lambda: scanned_again(100_000), "too-many-scans"),
        ("image/png", lambda: png(30_000, 30_000, BLACK, depth=1, colour=0), "too-many-pixels"),
        ("image/png", slow_png, "thumbnail"),
        ("image/png", lambda: png(8, 8, chunk(b"zTXt", b"a\0\0" + packed(500_000_000)), PIXEL), "thumbnail"),
        ("image/png", lambda: png(8, 8, chunk(b"iCCP", b"a\0\0" + packed(500_000_000)), PIXEL), "thumbnail"),
        ("image/png", lambda: png(8, 8, chunk(b"tEXt", b"a\0" + bytes(49_000_000)), PIXEL), "thumbnail"),
        ("image/png", lambda: png(8, 8, 200_000 * chunk(b"IDAT", b""), PIXEL), "thumbnail"),
        ("image/gif", lambda: saying_its_size("GIF", 60_000, 60_000), "too-many-pixels"),
        ("image/gif", lambda: saved("P", (8000, 8000), "GIF"), "thumbnail"),
        ("image/webp", lambda: saying_its_size("WEBP", 16_383, 16_383), "too-many-pixels"),
        ("image/webp", lambda: saying_its_size("WEBP", 1 << 24, 1 << 24), "too-many-pixels"),
        ("image/webp", lambda: saved("RGBA", (8000, 8000), "WEBP", lossless=True, method=0, quality=0), "thumbnail"),
        ("image/avif", lambda: saying_its_size("AVIF", 30_000, 30_000), "broken"),
        ("image/avif", lambda: saying_its_size("AVIF", 12_000, 12_000), "too-many-pixels"),
        ("image/avif", lambda: saved("RGB", (6000, 6000), "AVIF", speed=10), "thumbnail"),
        ("image/bmp", lambda: bmp(2**31 - 1, 2**31 - 1, 24), "too-many-pixels"),
        ("image/bmp", lambda: bmp(64_000_000, 1, 1, bytes(8_000_000)), "too-many-pixels"),
        ("image/bmp", lambda: bmp(8000, 8000, 8, LONG_ROWS, compression=1), "thumbnail"),
        ("image/bmp", lambda: bmp(8000, 8000, 1, bytes(8_000_000)), "thumbnail"),
        ("image/vnd.microsoft.icon", lambda: icon(png(30_000, 30_000, BLACK, depth=1, colour=0)), "too-many-pixels"),
        ("image/vnd.microsoft.icon", lambda: icon(bmp(30_000, 60_000, 32)[14:]), "too-many-pixels"),
        ("image/vnd.microsoft.icon", lambda: of_entries(65_535), "thumbnail"),
    ],
    ids=[
        "JPEG of 200 megapixels",
        "progressive JPEG in CMYK",
        "JPEG of 100,000 scans",
        "PNG of 30,000 by 30,000 pixels",
        "interlaced PNG in 64 bits",
        "text of 500 MB",
        "profile of 500 MB",
        "text of 49 MB that is not packed",
        "200,000 empty chunks",
        "GIF of 60,000 by 60,000 pixels",
        "GIF of 64 megapixels",
        "WebP of 268 megapixels",
        "WebP of 16 million by 16 million pixels",
        "WebP of 64 megapixels",
        "AVIF of 900 megapixels",
        "AVIF of 144 megapixels",
        "AVIF of 36 megapixels",
        "BMP of 2 thousand million by as many pixels",
        "BMP of one row",
        "packed BMP of 64 megapixels",
        "BMP of 64 megapixels",
        "icon that is a large PNG",
        "icon that is a large BMP",
        "icon of 65,535 pictures",
    ],
)
def test_it_gets_a_thumbnail_or_a_reason_within_the_functions_memory_and_time(
    content_type: str, content: Callable[[], bytes], became: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DECODE, content_type], input=content(), capture_output=True, check=True, cwd=ROOT
    )
    what, megabytes, seconds = json.loads(done.stdout)
    assert what == became
    assert megabytes < MEGABYTES
    # Of the processor: a machine that runs other tests at the same time is no slower.
    assert seconds < SECONDS
