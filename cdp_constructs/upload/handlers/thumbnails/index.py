"""Makes a small WebP of every accepted image and publishes that it did.

The source is a queue of messages about accepted uploads: JSON with ``bucket``, ``key``, ``content_type``, ``size`` and
more, as DirectObjectUpload publishes them. The thumbnail of ``<folder>/<name>`` is ``<folder>/thumbnail/<pixels>.webp``
in the same bucket. Its message is the one about the upload with ``thumbnail`` beside: ``key``, ``content_type``,
``size``, ``width`` and ``height``.

An image that cannot be read will not be readable the next time either, so it is counted and gets no thumbnail; what
failed around the image (S3, SNS) is tried again. Every step can be repeated: the same image gives the same object,
which is written once, and consumers may hear of it twice.
"""

import io
import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from PIL import Image, ImageOps

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)
s3 = boto3.client("s3")
sns = boto3.client("sns")

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
LARGEST_FILE = 50_000_000
# Profiles that cameras and screens embed have some kilobytes; larger ones would be larger than the thumbnail.
LARGEST_PROFILE = 100_000
QUALITY = 80
GONE = {"404", "NoSuchKey"}

# The limit is checked below, before anything is decoded; Pillow's own would only warn up to twice its value.
Image.MAX_IMAGE_PIXELS = None


class UnreadableImageError(Exception):
    """The image is broken, or larger than anybody's picture; the message says which."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch; only the records around which something failed are delivered again."""
    return process_partial_response(event=event, record_handler=make_thumbnail, processor=processor, context=context)


def make_thumbnail(record: SQSRecord) -> None:
    """Make, store and publish the thumbnail of one upload."""
    upload = json.loads(record.body)
    pixels = int(os.environ["PIXELS"])
    try:
        thumbnail, (width, height) = shrink(read(upload), upload["content_type"], pixels)
    except UnreadableImageError as error:
        logger.warning("No thumbnail", key=upload["key"], reason=str(error))
        count("UnreadableImages", reason=str(error))
        return
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        logger.info("The image was deleted", key=upload["key"])
        return
    key = f"{upload['key'].rpartition('/')[0]}/thumbnail/{pixels}.webp"
    store(upload["bucket"], key, thumbnail)
    described = {"key": key, "content_type": "image/webp", "size": len(thumbnail), "width": width, "height": height}
    attributes = {"owner": upload["owner"], "content_type": upload["content_type"]}
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Message=json.dumps({**upload, "thumbnail": described}),
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
    count("MadeThumbnails")


def read(upload: dict[str, Any]) -> bytes:
    """Return the image's bytes.

    Raises:
        UnreadableImageError: when the file is too large to be held in memory.
    """
    if int(upload["size"]) > LARGEST_FILE:
        raise UnreadableImageError("file-too-large")
    return s3.get_object(Bucket=upload["bucket"], Key=upload["key"])["Body"].read()


def shrink(data: bytes, content_type: str, pixels: int) -> tuple[bytes, tuple[int, int]]:
    """Return a WebP that fits into a square, upright and without metadata, and its size; of an animation the beginning.

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
        logger.warning("Pillow could not read an image", error=repr(error))
        raise UnreadableImageError("broken") from error
    raise UnreadableImageError("too-many-pixels")


def _as_webp(image: Image.Image, pixels: int) -> tuple[bytes, tuple[int, int]]:
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
    return content.getvalue(), picture.size


def store(bucket: str, key: str, thumbnail: bytes) -> None:
    """Write the thumbnail unless an earlier try did."""
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=thumbnail, ContentType="image/webp", IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise


def count(name: str, **details: str) -> None:
    """Count one image in CloudWatch, under this function's name."""
    function = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    with single_metric(name=name, unit=MetricUnit.Count, value=1, namespace="CdpConstructs") as metric:
        metric.add_dimension("function_name", function)
        for key, value in details.items():
            metric.add_metadata(key, value)
