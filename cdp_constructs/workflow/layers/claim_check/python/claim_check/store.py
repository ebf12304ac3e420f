"""Puts payloads into a bucket, and reads them back where a value refers to them."""

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from botocore.exceptions import ClientError

from .references import InvalidReferenceError, MissingPayloadError, Reference, digest_of, read_reference

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["PayloadStore"]

_Context = TypeVar("_Context")
_Handler = Callable[[Any, _Context], Any]
_DEEPEST = 200
# Who may not list a bucket is told that access is denied where there is no object.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
_MISSING = {"403", "404", "AccessDenied", "NoSuchKey"}


class PayloadStore:
    """Results of steps, in the bucket of a ``ClaimCheck``."""

    def __init__(self, client: "S3Client", *, bucket: str, prefix: str, inline_bytes: int) -> None:
        """Name the place.

        Args:
            client: A client of S3.
            bucket: The bucket.
            prefix: What keys begin with.
            inline_bytes: Values whose JSON is larger are put into the bucket.
        """
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._inline_bytes = inline_bytes

    def by_reference(self, handler: "_Handler[_Context]") -> "_Handler[_Context]":
        """Decorate the handler of a function: it gets what its input refers to, and a large result is stored."""

        @functools.wraps(handler)
        def by_reference(event: Any, context: _Context) -> Any:
            return self.store(handler(self.load(event), context))

        return by_reference

    def store(self, value: Any) -> Any:
        """Return a JSON value as it is, or a reference to it when it is large.

        Raises:
            ValueError: for what is no JSON, such as NaN and half a surrogate pair.
            TypeError: for values that JSON does not have.
        """
        content = _written(value)
        return value if len(content) <= self._inline_bytes else self._put(content)

    def put(self, value: Any) -> dict[str, Any]:
        """Return a reference to a JSON value, however small it is.

        Raises:
            ValueError: as ``store``.
            TypeError: as ``store``.
        """
        return self._put(_written(value))

    def load(self, value: Any) -> Any:
        """Return a JSON value with each reference in it replaced by what it refers to.

        Raises:
            InvalidReferenceError: for a malformed reference, one to another place, and a payload that was changed.
            MissingPayloadError: for a payload that is not there any more.
        """
        return self._resolved(value, {}, 0)

    def _resolved(self, value: Any, known: dict[str, Any], depth: int) -> Any:
        if depth > _DEEPEST:
            raise InvalidReferenceError(f"the input is nested deeper than {_DEEPEST}")
        if reference := read_reference(value):
            # Once each: many references to one payload cost no more memory than one.
            if reference.key not in known:
                known[reference.key] = self._resolved(self._get(reference), known, depth + 1)
            return known[reference.key]
        if isinstance(value, dict):
            return {name: self._resolved(inner, known, depth + 1) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._resolved(inner, known, depth + 1) for inner in value]
        return value

    def _put(self, content: bytes) -> dict[str, Any]:
        # A random key: who has no reference cannot guess one, and a step that is done again overwrites nothing.
        reference = Reference(
            bucket=self._bucket,
            key=f"{self._prefix}{uuid4()}.json",
            bytes=len(content),
            sha256=digest_of(content),
        )
        self._client.put_object(
            Bucket=reference.bucket, Key=reference.key, Body=content, ContentType="application/json"
        )
        return reference.written()

    def _get(self, reference: Reference) -> Any:
        if reference.bucket != self._bucket or not reference.key.startswith(self._prefix):
            raise InvalidReferenceError("the reference is to a place that this function does not read")
        try:
            content = self._client.get_object(Bucket=reference.bucket, Key=reference.key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            raise MissingPayloadError(f"{reference.key} is not there, or this function may not read it") from error
        if digest_of(content) != reference.sha256:
            raise InvalidReferenceError(f"{reference.key} is not what the reference was made for")
        return json.loads(content)


def _written(value: Any) -> bytes:
    """Return the JSON of a value, as Step Functions counts its size.

    Raises:
        ValueError: for what nobody could read.
    """
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except RecursionError as error:
        raise ValueError("the result is nested too deep") from error
