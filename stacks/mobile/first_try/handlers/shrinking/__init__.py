"""Makes a thumbnail of an object: the same work for both ways."""

import io
from urllib.parse import unquote_plus

import boto3
from botocore.config import Config
from PIL import Image

# One try: what fails here is the invocation's affair.
s3 = boto3.client("s3", config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}))
_PIXELS = 320


def shrink(bucket: str, key: str) -> None:
    """Write ``thumbnails/<key>.webp``; the key is as an event of S3 has it."""
    name = unquote_plus(key)
    picture = Image.open(io.BytesIO(s3.get_object(Bucket=bucket, Key=name)["Body"].read()))
    picture.thumbnail((_PIXELS, _PIXELS))
    written = io.BytesIO()
    picture.convert("RGB").save(written, "WEBP")
    s3.put_object(Bucket=bucket, Key=f"thumbnails/{name}.webp", Body=written.getvalue(), ContentType="image/webp")
