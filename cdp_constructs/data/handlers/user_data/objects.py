"""The bucket: what is too large for the table, a new object for each version of a document."""

from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "users/"
_ABSENT = {"404", "NoSuchKey", "NotFound"}


class Objects(Protocol):
    """What keeps large documents."""

    def put(self, user: str, object_id: str, data: bytes) -> None:
        """Keep data under a new id."""
        ...

    def get(self, user: str, object_id: str) -> bytes | None:
        """Return what was kept, None when it was deleted."""
        ...

    def delete(self, user: str, object_id: str) -> None:
        """Delete what was kept."""
        ...


class DocumentBucket:
    """Large documents in S3, below a prefix for each user."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, user: str, object_id: str, data: bytes) -> None:
        """See ``Objects``."""
        self._client.put_object(Bucket=self._bucket, Key=_key(user, object_id), Body=data)

    def get(self, user: str, object_id: str) -> bytes | None:
        """See ``Objects``."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=_key(user, object_id))
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise
        return answer["Body"].read()

    def delete(self, user: str, object_id: str) -> None:
        """See ``Objects``."""
        self._client.delete_object(Bucket=self._bucket, Key=_key(user, object_id))


def connect(bucket: str) -> DocumentBucket:
    """Return the bucket. Calls end within the API's own time limit."""
    config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})
    return DocumentBucket(boto3.client("s3", config=config), bucket)


def _key(user: str, object_id: str) -> str:
    return f"{PREFIX}{quote(user, safe='')}/{object_id}"
