"""Called by S3 for each new object, asynchronously. What it fails on three times is nowhere any more."""

from typing import Any

from ..shrinking import shrink


def handler(event: dict[str, Any], _context: object) -> None:
    """Make the thumbnail of each object of an event."""
    for record in event["Records"]:
        shrink(record["s3"]["bucket"]["name"], record["s3"]["object"]["key"])
