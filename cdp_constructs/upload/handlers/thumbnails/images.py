"""Makes a small WebP of an image's bytes, whatever bytes they are."""

import io
from dataclasses import dataclass

from PIL import Image, ImageOps

# An image is opened only by the decoder of its declared type, so none of Pillow's many others is ever reached.
FORMATS = {
    "image/avif": ("AVIF",),
    "image/gif": ("GIF",),
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/webp": ("WEBP",),
}
# What the function's memory holds: decoded with transparency 256 MB, once more while it is converted.
MOST_PIXELS = 64_000_000
# Profiles that cameras and screens embed have some kilobytes; larger ones would be larger than the thumbnail.
LARGEST_PROFILE = 100_000
QUALITY = 80

# The limit is checked below, before anything is decoded; Pillow's own would only warn up to twice its value.
Image.MAX_IMAGE_PIXELS = None


class UnreadableImageError(Exception):
    """The image is broken, or larger than anybody's picture; the message says which."""


@dataclass(frozen=True)
class Thumbnail:
    """A WebP and its size in pixels."""

    content: bytes
    width: int
    height: int


def shrink(data: bytes, content_type: str, pixels: int) -> Thumbnail:
    """Return a WebP that fits into a square, upright and without metadata; of an animation the first frame.

    Raises:
        UnreadableImageError: when the image is broken or has too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS[content_type]) as image:
            if image.width * image.height <= MOST_PIXELS:
                # JPEG decodes straight to an eighth, a quarter or a half; the others ignore it.
                image.draft("RGB", (2 * pixels, 2 * pixels))
                return _as_webp(image, pixels)
    except Exception as error:
        # Decoders of hostile bytes raise what they like: OSError, SyntaxError, ValueError, struct.error, IndexError…
        raise UnreadableImageError("broken") from error
    raise UnreadableImageError("too-many-pixels")


def _as_webp(image: Image.Image, pixels: int) -> Thumbnail:
    mode, profile = image.mode, image.info.get("icc_profile") or b""
    transparent = image.has_transparency_data
    # Grey in 16 bits: convert() alone would make everything above 255 white.
    picture = image.convert("I").point(lambda value: value * (1 / 256)).convert("L") if mode.startswith("I") else image
    picture = picture.convert("RGBA" if transparent else "RGB")
    picture.thumbnail((pixels, pixels))
    picture = ImageOps.exif_transpose(picture)
    # A profile describes the colours that the image came with: those of print or of grey are not these any more.
    keeps_profile = mode in {"RGB", "RGBA", "P"} and len(profile) <= LARGEST_PROFILE
    content = io.BytesIO()
    # EXIF, with the place where a photo was taken, stays behind.
    picture.save(content, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=profile if keeps_profile else b"")
    return Thumbnail(content.getvalue(), *picture.size)
