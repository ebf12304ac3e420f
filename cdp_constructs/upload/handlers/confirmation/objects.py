"""The objects of the bucket: described, read, moved, and deleted."""

import hashlib
from dataclasses import dataclass
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Copying gigabytes is one call that answers when it is done.
s3 = boto3.client("s3", config=Config(read_timeout=110, retries={"total_max_attempts": 2}))

# S3 itself refuses to copy over an object, where the SDK of Lambda's runtime knows the condition (since October 2025).
_COPY: Any = s3.meta.service_model.operation_model("CopyObject").input_shape
ONCE: dict[str, Any] = {"IfNoneMatch": "*"} if "IfNoneMatch" in _COPY.members else {}
# What CopyObject moves in one call.
LARGEST_COPY = 5 * 1024**3
LONGEST_KEY_BYTES = 1024
GONE = {"404", "NoSuchKey", "NoSuchVersion"}


@dataclass(frozen=True)
class Upload:
    """The version of an object that arrived."""

    source: dict[str, Any]
    """Bucket, key and, in a bucket with versions, the version."""
    size: int
    content_type: str
    etag: str
    metadata: dict[str, str]

    @property
    def key(self) -> str:
        """Its key below the prefix of incoming objects."""
        return str(self.source["Key"])

    @property
    def folder(self) -> str:
        """Its key without the file's name, which is the user's affair: owner and upload, for logs."""
        return self.key.rpartition("/")[0]

    @property
    def identity(self) -> str:
        """What tells this upload from another one with the same form."""
        return str(self.source.get("VersionId", self.etag))

    @classmethod
    def find(cls, bucket: str, key: str, version_id: str | None) -> Self | None:
        """Return the object, or None when it is gone."""
        source = {"Bucket": bucket, "Key": key, **({"VersionId": version_id} if version_id else {})}
        head = describe(source)
        if head is None:
            return None
        return cls(source, head["ContentLength"], head["ContentType"], head["ETag"], head["Metadata"])

    def first_bytes(self, count: int) -> bytes:
        """Return the beginning of the file; it is not empty."""
        last = min(self.size, count) - 1
        return s3.get_object(**self.source, Range=f"bytes=0-{last}")["Body"].read()

    def accept(self, prefix: str) -> dict[str, Any] | None:
        """Copy it below a prefix unless an earlier try did, and describe the copy.

        Returns:
            Bucket, key, ``version_id`` and ``etag`` of the copy; None when another upload took its place before.
        """
        target = self._below(prefix)
        existing = describe(target)
        if existing is None:
            self._copy(target, {**self.metadata, "source": self.identity})
            existing = s3.head_object(**target)
        if existing["Metadata"].get("source") != self.identity:
            return None
        return {**target, "version_id": existing.get("VersionId"), "etag": existing["ETag"].strip('"')}

    def quarantine(self, prefix: str, reason: str) -> None:
        """Copy it below a prefix with the reason as a tag, unless an earlier use of its form is there.

        One that is too large for a copy is not kept.
        """
        if self.size <= LARGEST_COPY:
            self._copy(self._below(prefix), self.metadata, reason=reason)

    def delete(self) -> None:
        """Remove it from where it arrived."""
        s3.delete_object(**self.source)

    def _below(self, prefix: str) -> dict[str, Any]:
        key = f"{prefix}{self.key.partition('/')[2]}"
        if len(key.encode()) > LONGEST_KEY_BYTES:
            # The prefix of quarantine is longer than that of incoming objects.
            key = f"{prefix}{hashlib.sha256(self.key.encode()).hexdigest()}"
        return {"Bucket": self.source["Bucket"], "Key": key}

    def _copy(self, target: dict[str, Any], metadata: dict[str, str], *, reason: str = "") -> None:
        # Forms cannot set tags, so there are none to be copied, and accepting needs no permission for any.
        tags: dict[str, Any] = {"TaggingDirective": "REPLACE", "Tagging": f"reason={reason}"} if reason else {}
        source: Any = self.source
        # In a bucket without versions the object may have been replaced since it was checked; that fails alike.
        once = ONCE if "VersionId" in self.source else {}
        try:
            s3.copy_object(
                **target,
                **tags,
                **once,
                CopySource=source,
                CopySourceIfMatch=self.etag,
                MetadataDirective="REPLACE",
                ContentType=self.content_type,
                Metadata=metadata,
            )
        except ClientError as error:
            if not once or error.response["Error"]["Code"] != "PreconditionFailed":
                raise


def describe(target: dict[str, Any]) -> Any:
    """Return what S3 says of an object, or None when it is gone."""
    try:
        return s3.head_object(**target)
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return None
        raise
