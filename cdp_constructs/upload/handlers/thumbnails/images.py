"""Makes a small WebP of an image's bytes, whatever bytes they are."""

import contextlib
import io
import warnings
from dataclasses import dataclass
from itertools import islice

from PIL import Image, ImageOps

from .repair import as_browsers_read, loaded
from .segments import START_OF_SCAN, segments

# An image is opened only by the decoder of its declared type, so none of Pillow's many others is ever reached.
FORMATS = {
    "image/avif": ("AVIF",),
    "image/bmp": ("BMP",),
    "image/gif": ("GIF",),
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/vnd.microsoft.icon": ("ICO",),
    "image/webp": ("WEBP",),
}
# What the function's memory holds: decoded with transparency 256 MB, once more while it is converted.
MOST_PIXELS = 64_000_000
# A JPEG of one scan is decoded to an eighth, a quarter or a half, row by row: only what is decoded is in memory.
MOST_PIXELS_OF_A_SCAN = 256_000_000
# What a JPEG can have. Pillow needs more memory for the rows of an image of 1 by 64 million pixels than for the pixels.
LONGEST_SIDE = 65_535
# A progressive JPEG has 10 scans, or 18 in CMYK; each costs a pass over all pixels, however few bytes it has.
MOST_SCANS = 100
MOST_SCANNED_PIXELS = 20 * MOST_PIXELS
# Profiles that cameras and screens embed have some kilobytes; larger ones would be larger than the thumbnail.
LARGEST_PROFILE = 100_000
QUALITY = 80

# Pillow refuses what has twice as many pixels as it is told; half of the limit is none to warn of.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
# All decoders at once, and not again in each process that decodes.
Image.init()


class UnreadableImageError(Exception):
    """The image is broken, or more than anybody's picture; the message is one of the reasons on the pattern's page."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


@dataclass(frozen=True)
class Thumbnail:
    """A WebP and its size in pixels."""

    content: bytes
    width: int
    height: int


def shrink(data: bytes, content_type: str, pixels: int) -> Thumbnail:
    """Return a WebP that fits into a square, upright and without metadata; of an animation the first frame.

    Raises:
        UnreadableImageError: when the image is broken, or has too many pixels or scans.
    """
    scans = scans_of(data) if content_type == "image/jpeg" else 1
    if scans > MOST_SCANS:
        raise UnreadableImageError("too-many-scans")
    try:
        data, content_type = as_browsers_read(data, content_type, LARGEST_PROFILE, MOST_PIXELS)
        # Some decoders take memory for all pixels as soon as they are opened.
        Image.MAX_IMAGE_PIXELS = (MOST_PIXELS_OF_A_SCAN if content_type == "image/jpeg" else MOST_PIXELS) // 2
        with Image.open(io.BytesIO(data), formats=FORMATS[content_type]) as image:
            check_size(image.width, image.height, scans, reduces=image.format == "JPEG" and scans == 1)
            # JPEG decodes straight to an eighth, a quarter or a half; the others ignore it.
            image.draft("RGB", (2 * pixels, 2 * pixels))
            check_size(image.width, image.height, 1)
            return _as_webp(loaded(image), pixels)
    except UnreadableImageError:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableImageError("too-many-pixels", str(error)) from error
    except Exception as error:
        # Decoders of hostile bytes raise what they like: OSError, SyntaxError, ValueError, struct.error, IndexError…
        raise UnreadableImageError("broken", repr(error)) from error


def check_size(width: int, height: int, scans: int, *, reduces: bool = False) -> None:
    """Check what the header says, before anything is decoded.

    Args:
        width: In pixels.
        height: In pixels.
        scans: How often all pixels are decoded.
        reduces: Whether the decoder makes them fewer at once.

    Raises:
        UnreadableImageError: when decoding would take more memory or time than anybody's picture.
    """
    most = MOST_PIXELS_OF_A_SCAN if reduces else MOST_PIXELS
    if width * height > most or max(width, height) > LONGEST_SIDE:
        raise UnreadableImageError("too-many-pixels")
    if scans * width * height > MOST_SCANNED_PIXELS:
        raise UnreadableImageError("too-many-scans")


def scans_of(data: bytes) -> int:
    """Count the scans of a JPEG up to its end; beyond ``MOST_SCANS`` it stops."""
    scans = (start for marker, start, _ in segments(data) if marker == START_OF_SCAN)
    return sum(1 for _ in islice(scans, MOST_SCANS + 1))


def _as_webp(image: Image.Image, pixels: int) -> Thumbnail:
    mode, profile = image.mode, image.info.get("icc_profile") or b""
    transparent = image.has_transparency_data
    # Grey in 16 bits: convert() alone would make everything above 255 white.
    picture = image.convert("I").point(lambda value: value * (1 / 256)).convert("L") if mode.startswith("I") else image
    picture = picture.convert("RGBA" if transparent else "RGB")
    picture.thumbnail((pixels, pixels))
    # EXIF that cannot be read does not say which side is up.
    with contextlib.suppress(Exception):
        picture = ImageOps.exif_transpose(picture)
    # A profile describes the colours that the image came with: those of print or of grey are not these any more.
    keeps_profile = mode in {"RGB", "RGBA", "P"} and len(profile) <= LARGEST_PROFILE
    content = io.BytesIO()
    # EXIF, with the place where a photo was taken, stays behind.
    picture.save(content, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=profile if keeps_profile else b"")
    return Thumbnail(content.getvalue(), *picture.size)
