"""Images as cameras, old programs and broken connections leave them: what browsers show has a thumbnail."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from cdp_constructs.upload.handlers.thumbnails.images import UnreadableImageError, shrink
from tests.images import bmp, chunk, icon, png

RED, BLUE = (200, 30, 30), (30, 30, 200)
SIZE = (60, 40)
ROW = 1 + 3 * SIZE[0]


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def red_above_blue() -> Image.Image:
    image = Image.new("RGB", SIZE, RED)
    image.paste(BLUE, (0, SIZE[1] // 2, *SIZE))
    return image


def rows() -> bytes:
    """Return the picture as a PNG has it, not yet packed."""
    return (SIZE[1] // 2) * (b"\0" + SIZE[0] * bytes(RED)) + (SIZE[1] // 2) * (b"\0" + SIZE[0] * bytes(BLUE))


def stored(content: bytes) -> bytes:
    """Return it in the frame of zlib without compression, so that half of the bytes is half of the picture."""
    return zlib.compress(content, 0)


def of_chunks(*chunks: bytes) -> bytes:
    return png(*SIZE, *chunks)


def changed(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def picture(content: bytes, content_type: str) -> Image.Image:
    return Image.open(io.BytesIO(shrink(content, content_type, 320).content)).convert("RGBA")


def is_close(colour: Any, expected: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(colour, expected, strict=False))


def with_unreadable_exif(content: bytes) -> bytes:
    segment = b"Exif\0\0MM\0\x2a\0\0\0\x08\xff\xff\x01\x12"
    return content[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + content[2:]


JPEG = saved(red_above_blue(), "JPEG")
TEXT, IMAGE = chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", zlib.compress(rows()))
PACKED = zlib.compress(rows())
DEVICE_INDEPENDENT = saved(red_above_blue(), "DIB")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (JPEG[:-2], "image/jpeg"),
        (with_unreadable_exif(JPEG), "image/jpeg"),
        (of_chunks(changed(TEXT, len(TEXT) - 1), IMAGE), "image/png"),
        (of_chunks(changed(IMAGE, len(IMAGE) - 1)), "image/png"),
        (of_chunks(chunk(b"IDAT", changed(PACKED, len(PACKED) - 1))), "image/png"),
        (of_chunks(*(chunk(b"IDAT", PACKED[at : at + 1]) for at in range(len(PACKED)))), "image/png"),
        (of_chunks(IMAGE)[:-12], "image/png"),
        (of_chunks(IMAGE)[:-6], "image/png"),
        (of_chunks(IMAGE) + b"what follows", "image/png"),
        (of_chunks(chunk(b"zTXt", b"a\0\0no zlib"), IMAGE), "image/png"),
        (of_chunks(chunk(b"iCCP", b"a\0\0no zlib"), IMAGE), "image/png"),
        (icon(of_chunks(IMAGE), *SIZE), "image/vnd.microsoft.icon"),
        (icon(of_chunks(IMAGE)[:-12], *SIZE), "image/vnd.microsoft.icon"),
    ],
    ids=[
        "JPEG without its end",
        "unreadable EXIF",
        "wrong checksum of a text",
        "wrong checksum of the image's chunk",
        "wrong checksum of the pixels",
        "a chunk for each byte",
        "PNG without its end",
        "PNG with half of its end",
        "bytes behind the end",
        "unreadable text",
        "unreadable profile",
        "icon that is a PNG",
        "icon that is a PNG without its end",
    ],
)
def test_what_is_wrong_beside_the_pixels_changes_nothing(content: bytes, content_type: str) -> None:
    image = picture(content, content_type)
    assert image.size == SIZE
    assert is_close(image.getpixel((30, 8)), RED)
    assert is_close(image.getpixel((30, 32)), BLUE)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_of_a_file_that_ends_early_there_is_the_upper_part(kept: float) -> None:
    packed = stored(rows())
    whole = of_chunks(chunk(b"IDAT", packed))
    for content, content_type in (
        (of_chunks(chunk(b"IDAT", packed[: int(kept * len(packed))])), "image/png"),
        (whole[: int(kept * len(whole))], "image/png"),
        (icon(whole[: int(kept * len(whole))], *SIZE), "image/vnd.microsoft.icon"),
    ):
        image = picture(content, content_type)
        assert image.size == SIZE
        assert is_close(image.getpixel((30, 4)), RED)
        assert not is_close(image.getpixel((30, 39)), BLUE)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_may_end_anywhere_behind_its_header(progressive: bool) -> None:
    content = saved(red_above_blue(), "JPEG", progressive=progressive)
    first_scan = content.index(b"\xff\xda") + 20
    for end in range(first_scan, len(content)):
        assert picture(content[:end], "image/jpeg").size == SIZE


def test_a_bmp_begins_with_its_last_row() -> None:
    content = saved(red_above_blue(), "BMP")
    image = picture(content[: len(content) // 2], "image/bmp")
    assert is_close(image.getpixel((30, 36)), BLUE)
    assert not is_close(image.getpixel((30, 2)), RED)


def test_of_damaged_pixels_there_is_what_stands_before_them() -> None:
    content = bytearray(zlib.compress(rows()[: ROW * 20]) + b"no zlib")
    content[-11:-7] = b"    "
    image = picture(of_chunks(chunk(b"IDAT", bytes(content[:-11]) + b"\xff" * 20)), "image/png")
    assert is_close(image.getpixel((30, 4)), RED)


def _layout(bits: int, masks: tuple[int, ...], red: int, blue: int, compression: int = 3) -> bytes:
    """Return a BMP of 60 by 40 pixels, the upper half red, whose colours have the bits of masks."""
    image = bmp(*SIZE, bits, compression=compression)
    size, rows = bits // 8, SIZE[1] // 2
    pixels = rows * SIZE[0] * blue.to_bytes(size, "little") + rows * SIZE[0] * red.to_bytes(size, "little")
    extra = struct.pack(f"<{len(masks)}I", *masks)
    return image[:10] + struct.pack("<I", 54 + len(extra)) + image[14:54] + extra + pixels


def _palette(bits: int, *, entries: int, says: int | None = None, header: int = 40) -> bytes:
    """Return a BMP of 60 by 40 pixels, the upper half red, with a palette of so many colours."""
    colours = [(0, 0, 0), BLUE, RED, *[(0, 255, 0)] * (entries - 3)]
    palette = b"".join(bytes([*colour[::-1], 0]) for colour in colours)
    said = entries if says is None else says
    head = struct.pack("<IiiHHIIiiII", 40, *SIZE, 1, bits, 0, 0, 2835, 2835, said, 0)
    head = struct.pack("<I", header) + head[4:header]
    row = {2: lambda index: bytes([index * 0b1010101]) * 15 + b"\0", 8: lambda index: bytes([index]) * SIZE[0]}[bits]
    start = 14 + header + len(palette)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, start) + head + palette + 20 * row(1) + 20 * row(2)


@pytest.mark.parametrize(
    "content",
    [
        _layout(16, (0xF00, 0xF0, 0xF), 0xC11, 0x11C),
        _layout(16, (0x3000, 0xE00, 0x100), 0x3000, 0x0100),
        _layout(32, (0xFFE00000, 0x1FFC00, 0x3FF), 0xC8078078, 0x1E078323),
        _layout(32, (0xFF000000, 0xFF0, 0xFF0000), 0xC81E01E0, 0x1EC801E0),
        _layout(32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000), 0xFF1E1EC8, 0xFFC81E1E, compression=6),
        _palette(2, entries=4),
        _palette(8, entries=300),
        _palette(8, entries=252, says=305_402_420),
        _palette(8, entries=256, header=16),
    ],
    ids=[
        "four bits a colour",
        "bits of other numbers",
        "more than a byte a colour",
        "bits apart",
        "transparency in a short header",
        "four colours",
        "too many colours",
        "millions of colours",
        "header of OS/2",
    ],
)
def test_layouts_of_bitmaps_that_browsers_know_are_read(content: bytes) -> None:
    image = picture(content, "image/bmp")
    assert image.size == SIZE
    assert is_close(image.getpixel((30, 8)), RED) or is_close(image.getpixel((30, 8)), (255, 0, 0))
    assert is_close(image.getpixel((30, 32)), BLUE) or is_close(image.getpixel((30, 32)), (0, 0, 255))


def test_a_bitmap_of_masks_is_transparent_where_it_says_so_and_may_end_early() -> None:
    content = _layout(16, (0xF00, 0xF0, 0xF, 0xF000), 0x0C11, 0xF11C, compression=6)
    image = picture(content, "image/bmp")
    assert image.getpixel((30, 8))[3] == 0
    assert image.getpixel((30, 32))[3] == 255
    cut = picture(content[: len(content) // 2], "image/bmp")
    assert cut.size == SIZE
    assert is_close(cut.getpixel((30, 36)), BLUE)


def test_an_icon_is_its_largest_picture() -> None:
    content = saved(red_above_blue(), "ICO", sizes=[(16, 11), (48, 32)])
    image = picture(content, "image/vnd.microsoft.icon")
    assert image.size == (48, 32)
    assert is_close(image.getpixel((24, 4)), RED)


@pytest.mark.parametrize("missing", [0, 1000])
def test_an_icon_may_be_a_bmp_with_a_mask_and_end_early(missing: int) -> None:
    mask = bytes(8 * SIZE[1])
    pixels = SIZE[1] * SIZE[0] * bytes([*RED, 255])
    content = icon(bmp(SIZE[0], 2 * SIZE[1], 32, pixels + mask)[14:], *SIZE)
    image = picture(content[: len(content) - missing], "image/vnd.microsoft.icon")
    assert image.size == SIZE
    # A BMP has blue first.
    assert is_close(image.getpixel((30, 38)), RED[::-1])


def test_what_a_png_has_instead_of_its_animation_is_not_shown() -> None:
    frames = [Image.new("RGB", SIZE, colour) for colour in (RED, BLUE)]
    content = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)
    assert is_close(picture(content, "image/png").getpixel((30, 20)), BLUE)


def test_without_a_readable_animation_it_is() -> None:
    frames = [Image.new("RGB", SIZE, colour) for colour in (RED, BLUE)]
    content = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)
    cut = content.index(b"fdAT") - 4
    assert is_close(picture(content[:cut] + content[-12:], "image/png").getpixel((30, 20)), RED)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (of_chunks(chunk(b"IDAT", b"")), "image/png"),
        (of_chunks(chunk(b"IDAT", changed(PACKED, 0))), "image/png"),
        (of_chunks(), "image/png"),
        (changed(of_chunks(IMAGE), 29), "image/png"),
        (saved(red_above_blue(), "WEBP")[:-20], "image/webp"),
        (saved(red_above_blue(), "AVIF")[:-20], "image/avif"),
        (saved(red_above_blue(), "BMP")[:40], "image/bmp"),
        (b"\0\0\1\0\0\0", "image/vnd.microsoft.icon"),
        (icon(b""), "image/vnd.microsoft.icon"),
        (b"", "image/vnd.microsoft.icon"),
    ],
    ids=[
        "no pixels",
        "nothing that zlib reads",
        "no image",
        "wrong checksum of the header",
        "WebP that ends early",
        "AVIF that ends early",
        "header of a BMP",
        "icon without pictures",
        "icon of nothing",
        "nothing",
    ],
)
def test_of_what_browsers_do_not_show_either_there_is_none(content: bytes, content_type: str) -> None:
    with pytest.raises(UnreadableImageError, match="broken"):
        shrink(content, content_type, 320)
