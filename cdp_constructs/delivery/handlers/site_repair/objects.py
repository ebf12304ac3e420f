"""One object in two buckets: what is served is made what the source has.

Which of two events came first does not matter: what is compared is what the buckets have now. Equal objects are left
alone, so that the event of a repair ends with a comparison.
"""

from collections.abc import Mapping
from enum import Enum
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

__all__ = ["Outcome", "Site"]

_SERVED = (
    *("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "ExpiresString"),
    *("Metadata", "WebsiteRedirectLocation"),
)
"""What readers get of an object beside its content."""
_CHECKSUMS = ("ChecksumCRC64NVME", "ChecksumSHA256", "ChecksumCRC32C", "ChecksumCRC32", "ChecksumSHA1")
_UNREADABLE = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_MISSING = frozenset({"404", "NoSuchKey"})
_REFUSED = frozenset({"400", "403"})
"""How S3 answers a question about an object that somebody has encrypted with a key of their own."""

_Head = Mapping[str, Any]


class Outcome(Enum):
    """What came of a comparison."""

    EQUAL = "equal"
    RESTORED = "restored"
    REMOVED = "removed"


class Site:
    """The bucket that is served, and its source; threads may share this."""

    def __init__(self, client: "S3Client", bucket: str, source: str, encryption: tuple[str, str] | None) -> None:
        self._client = client
        self._bucket = bucket
        self._source = source
        self._encryption = encryption

    def heal(self, key: str) -> Outcome:
        """Make an object of the site what its source has, or remove it if the source has none."""
        wanted, found = self._head(self._source, key), self._served(key)
        if wanted is None:
            if found is None:
                return Outcome.EQUAL
            # The version that somebody has put there stays, below a delete marker.
            self._client.delete_object(Bucket=self._bucket, Key=key)
            return Outcome.REMOVED
        if found is not None and self._is_same(key, wanted, found):
            return Outcome.EQUAL
        self._copy(key, wanted)
        return Outcome.RESTORED

    def keys(self) -> tuple[set[str], set[str]]:
        """Return the keys of the source, and those of the site."""
        return self._keys(self._source), self._keys(self._bucket)

    def _keys(self, bucket: str) -> set[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def _head(self, bucket: str, key: str) -> _Head | None:
        try:
            return self._client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise

    def _served(self, key: str) -> _Head | None:
        """Return an object of the site; an empty description of one that cannot be read."""
        try:
            return self._head(self._bucket, key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSED:
                return {}
            raise

    def _copy(self, key: str, wanted: _Head) -> None:
        source: CopySourceTypeDef = {"Bucket": self._source, "Key": key}
        if "VersionId" in wanted:
            source["VersionId"] = wanted["VersionId"]
        algorithm, key_arn = self._encryption or ("", "")
        encryption = {
            **({"ServerSideEncryption": algorithm} if algorithm else {}),
            **({"SSEKMSKeyId": key_arn} if key_arn else {}),
        }
        self._client.copy_object(
            Bucket=self._bucket,
            Key=key,
            CopySource=source,
            MetadataDirective="COPY",
            TaggingDirective="REPLACE",
            **encryption,  # type: ignore[arg-type]  # names of the enumeration
        )

    def _is_same(self, key: str, wanted: _Head, found: _Head) -> bool:
        if not found or any(wanted.get(name) != found.get(name) for name in _SERVED):
            return False
        if found.get("StorageClass") in _UNREADABLE or not self._is_encrypted_as_it_should(found):
            return False
        return wanted["ContentLength"] == found["ContentLength"] and self._has_same_content(key, wanted, found)

    def _is_encrypted_as_it_should(self, found: _Head) -> bool:
        if self._encryption is None:
            return True
        algorithm, key_arn = self._encryption
        return bool(found.get("ServerSideEncryption") == algorithm and found.get("SSEKMSKeyId", "") == key_arn)

    def _has_same_content(self, key: str, wanted: _Head, found: _Head) -> bool:
        for name in _CHECKSUMS:
            # Composite checksums depend on the parts of an upload.
            composite = {wanted.get("ChecksumType"), found.get("ChecksumType")} & {"COMPOSITE"}
            if not composite and wanted.get(name) and found.get(name):
                return bool(wanted[name] == found[name])
        # Of one part, and not encrypted by KMS, an entity tag is that of the content; others differ for the same one.
        return bool(wanted["ETag"] == found["ETag"]) or self._compare(key)

    def _compare(self, key: str) -> bool:
        bodies = [self._client.get_object(Bucket=bucket, Key=key)["Body"] for bucket in (self._source, self._bucket)]
        source, served = (body.iter_chunks(1 << 20) for body in bodies)
        return all(left == right for left, right in zip_longest(source, served))
