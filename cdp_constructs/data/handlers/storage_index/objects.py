"""The bucket's objects, written as items of the index."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

__all__ = ["Objects", "folded", "text"]

# EventBridge tries for a day, and a queue and its dead-letter queue keep an event for 14 days together.
DELETED_FOR = timedelta(days=16)


class Objects:
    """The objects below a prefix."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str, owner_metadata: str | None = None) -> None:
        """Read a bucket; threads may share this."""
        self._client = client
        self.bucket = bucket
        self.prefix = prefix
        self._owner_metadata = owner_metadata

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
        item |= {
            "search_name": folded(key.rpartition("/")[2]),
            "day": modified_at[:10],
            "modified_at": modified_at,
            "size": head["ContentLength"],
            "etag": head["ETag"].strip('"'),
            "content_type": head["ContentType"],
            "metadata": head["Metadata"],
        }
        owner = self._owner(key, head["Metadata"])
        if owner:
            item["owner"] = owner
        if head.get("VersionId"):
            item["version_id"] = head["VersionId"]
        return item

    def _owner(self, key: str, metadata: dict[str, str]) -> str | None:
        if self._owner_metadata is not None:
            return metadata.get(self._owner_metadata)
        owner, _, rest = key.removeprefix(self.prefix).partition("/")
        return owner if rest else None

    def page(self, after: str) -> "ListObjectsV2OutputTypeDef":
        """List a page of objects, in the order of their keys."""
        return self._client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, StartAfter=after)


def text(moment: datetime) -> str:
    """Return a time as items have it."""
    # Whole seconds, as S3 has them: a listing and a head of the same object give the same text.
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def folded(name: str) -> str:
    """Return a name without case, and without width of Japanese characters, as filters compare it."""
    return unicodedata.normalize("NFKC", name).casefold()
