"""Makes bitmaps (BMP) readable that browsers show and Pillow refuses: palettes, headers and pixels of other layouts."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageChops

_FILE = struct.Struct("<2sIII")
"""Letters, size of the file, reserved, offset of the pixels."""
_INFO = struct.Struct("<IiiHHIIiiII")
"""Size of the header, width, height, planes, bits of a pixel, compression, size, resolutions, numbers of colours."""
_INFO_OS2 = struct.Struct("<IiiHH")
_MASKS = struct.Struct("<4I")
_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_RGBA_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
_WITH_MASKS = _INFO.size + _MASKS.size
_INDEX_BITS = 8
"""Pixels of so many bits or fewer are indices into the palette."""
_PIXELS_AT_ONCE = 1_000_000

# A byte has four pixels of 2 bits; of 4 bits, the first and the last two of them are a byte each.
_FIRST_TWO = bytes((byte >> 6) << 4 | (byte >> 4) & 3 for byte in range(256))
_LAST_TWO = bytes((byte >> 2 & 3) << 4 | byte & 3 for byte in range(256))


@dataclass(frozen=True)
class _Bitmap:
    header_size: int
    width: int
    height: int
    bits: int
    compression: int
    colours: int
    masks: Sequence[int]
    palette: bytes
    pixels: bytes

    @classmethod
    def of(cls, data: bytes) -> "_Bitmap":
        start = _FILE.unpack_from(data)[3]
        size = int.from_bytes(data[_FILE.size : _FILE.size + 4], "little")
        masks: Sequence[int] = ()
        if size == _INFO_OS2.size:
            _, width, height, _, bits = _INFO_OS2.unpack_from(data, _FILE.size)
            compression = colours = 0
        else:
            _, width, height, _, bits, compression, _, _, _, colours, _ = _INFO.unpack_from(data, _FILE.size)
            masks = _MASKS.unpack_from(data, _FILE.size + _INFO.size)
            # Without its own header for them, only one kind of compression has a mask of transparency.
            if size < _WITH_MASKS and compression == _BITFIELDS:
                masks = (*masks[:3], 0)
        palette = data[_FILE.size + size : start]
        return cls(size, width, height, bits, compression, colours, masks, palette, data[start:])

    def stride(self, bits: int) -> int:
        """Bytes of a row, a multiple of four."""
        return (self.width * bits + 31) // 32 * 4

    def written(self) -> bytes:
        """Return the file, with a header that Pillow reads."""
        size = _WITH_MASKS if self.compression else _INFO.size
        fields = (size, self.width, self.height, 1, self.bits, self.compression, 0, 0, 0, self.colours, 0)
        header = _INFO.pack(*fields) + (_MASKS.pack(*self.masks) if self.compression else b"") + self.palette
        start = _FILE.size + len(header)
        return b"".join((_FILE.pack(b"BM", start + len(self.pixels), 0, start), header, self.pixels))


def as_pillow_reads(data: bytes, most_pixels: int) -> bytes:
    """Return the bitmap in a layout that Pillow reads; what it reads already, or nobody does, stays.

    Args:
        data: The file.
        most_pixels: A larger bitmap is not touched.
    """
    try:
        bitmap = _Bitmap.of(data)
    except struct.error:
        return data
    if not 0 < bitmap.width * abs(bitmap.height) <= most_pixels:
        return data
    if bitmap.bits <= _INDEX_BITS and not bitmap.compression:
        if bitmap.bits == 2:  # noqa: PLR2004  # four pixels in a byte
            return _with_four_bits(bitmap).written()
        if bitmap.colours > 1 << bitmap.bits or bitmap.header_size == _INFO_OS2.size:
            return _with_palette(bitmap).written()
        return data
    has_masks = bitmap.bits in {16, 32} and bitmap.compression in {_BITFIELDS, _ALPHA_BITFIELDS}
    return _with_bytes(bitmap).written() if has_masks and not _is_known(data) else data


def _is_known(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data), formats=["BMP"])
    except OSError:
        return False
    return True


def _with_palette(bitmap: _Bitmap) -> _Bitmap:
    """The palette has as many colours as the pixels can name; entries that are missing are black."""
    colours = 1 << bitmap.bits
    return replace(bitmap, colours=colours, palette=bitmap.palette[: 4 * colours].ljust(4 * colours, b"\0"))


def _with_four_bits(bitmap: _Bitmap) -> _Bitmap:
    pixels = bytearray(2 * len(bitmap.pixels))
    pixels[::2], pixels[1::2] = bitmap.pixels.translate(_FIRST_TWO), bitmap.pixels.translate(_LAST_TWO)
    given, stride = 2 * bitmap.stride(2), bitmap.stride(4)
    rows = (pixels[start : start + stride] for start in range(0, len(pixels), given))
    return _with_palette(replace(bitmap, bits=4, pixels=b"".join(rows)))


def _with_bytes(bitmap: _Bitmap) -> _Bitmap:
    """Each colour has the bits of a mask, and gets a byte here; some rows at a time, for the memory."""
    stride, step = bitmap.stride(bitmap.bits), bitmap.bits // 8
    rows, most = abs(bitmap.height), max(1, _PIXELS_AT_ONCE // bitmap.width)
    pixels = bytearray()
    for row in range(0, rows, most):
        count = min(most, rows - row)
        part = bitmap.pixels[row * stride : (row + count) * stride].ljust(count * stride, b"\0")
        bands = [_band(part, step, mask, (stride // step, count)) for mask in bitmap.masks]
        pixels += Image.merge("RGBA", bands).crop((0, 0, bitmap.width, count)).tobytes("raw", "BGRA")
    masks = _RGBA_MASKS if bitmap.masks[3] else (*_RGBA_MASKS[:3], 0)
    return replace(bitmap, bits=32, compression=_BITFIELDS, colours=0, masks=masks, palette=b"", pixels=bytes(pixels))


def _band(pixels: bytes, step: int, mask: int, size: tuple[int, int]) -> Image.Image:
    """Return the colour of a mask: the sum of what each byte of a pixel has of it, which a table knows."""
    band = Image.new("L", size)
    if not mask:
        return band
    shift = (mask & -mask).bit_length() - 1
    # Of more than eight bits, the highest.
    shift += max(0, (mask >> shift).bit_length() - 8)
    most = mask >> shift
    for place in range(step):
        table = bytes(round((byte << 8 * place & mask) // (1 << shift) * 255 / most) for byte in range(256))
        if any(table):
            part = Image.frombytes("L", size, pixels[place::step].translate(table))
            band = ImageChops.add(band, part)
    return band
