"""The bucket's objects, written as items of the index."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

__all__ = ["Objects", "text"]

# EventBridge tries for a day, and a queue and its dead-letter queue keep an event for 14 days together.
DELETED_FOR = timedelta(days=16)


class Objects:
    """The objects below a prefix."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str) -> None:
        """Read a bucket; threads may share this."""
        self._client = client
        self.bucket = bucket
        self.prefix = prefix

    def name(self, key: str) -> str:
        """Return an object's name in the index."""
        return f"{self.bucket}/{key}"

    def read(self, key: str) -> dict[str, Any]:
        """Return the item of an object as S3 has it now; one with ``deleted_at`` when S3 has none."""
        item: dict[str, Any] = {"object": self.name(key), "bucket": self.bucket, "key": key}
        try:
            head = self._client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise
            now = datetime.now(UTC)
            return item | {"deleted_at": text(now), "expires_at": int((now + DELETED_FOR).timestamp())}
        modified_at = text(head["LastModified"])
        owner, _, rest = key.removeprefix(self.prefix).partition("/")
        item |= {
            "day": modified_at[:10],
            "modified_at": modified_at,
            "size": head["ContentLength"],
            "etag": head["ETag"].strip('"'),
            "content_type": head["ContentType"],
            "metadata": head["Metadata"],
        }
        if rest:
            item["owner"] = owner
        if head.get("VersionId"):
            item["version_id"] = head["VersionId"]
        return item

    def page(self, after: str) -> "ListObjectsV2OutputTypeDef":
        """List a page of objects, in the order of their keys."""
        return self._client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, StartAfter=after)


def text(moment: datetime) -> str:
    """Return a time as items have it."""
    # Whole seconds, as S3 has them: a listing and a head of the same object give the same text.
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
