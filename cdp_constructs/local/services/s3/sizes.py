"""S3: limits of keys, metadata and deletions, copies that change nothing, and fields after a form's file.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html, RESTObjectPOST.html.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_s3: Any = ministack.module("services.s3", "_error")

_MOST_KEY = 1_024
_MOST_METADATA = 2_048
_MOST_DELETIONS = 1_000
_METADATA = "x-amz-meta-"
_CHANGES = ("x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-website-redirect-location")


def _refused(key: str, headers: Mapping[str, str]) -> Any:
    if len(key.encode()) > _MOST_KEY:
        return _s3._error("KeyTooLongError", "Your key is too long", 400)
    metadata = {name[len(_METADATA) :]: value for name, value in headers.items() if name.startswith(_METADATA)}
    if sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items()) > _MOST_METADATA:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        return _s3._error("MetadataTooLarge", message, 400)
    return None


@patch("ministack.services.s3:_put_object")
def _put(original: Callable[..., Any], bucket: str, key: str, body: bytes, headers: Mapping[str, str]) -> Any:
    return _refused(key, headers) or original(bucket, key, body, headers)


@patch("ministack.services.s3:_create_multipart_upload")
def _in_parts(original: Callable[..., Any], bucket: str, key: str, headers: Mapping[str, str]) -> Any:
    return _refused(key, headers) or original(bucket, key, headers)


@patch("ministack.services.s3:_copy_object")
def _copy(original: Callable[..., Any], bucket: str, key: str, headers: Mapping[str, str]) -> Any:
    source = unquote(headers.get("x-amz-copy-source", "").lstrip("/"))
    replaces = headers.get("x-amz-metadata-directive", "").upper() == "REPLACE"
    if source == f"{bucket}/{key}" and not replaces and not any(name in headers for name in _CHANGES):
        message = (
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
        return _s3._error("InvalidRequest", message, 400)
    return _refused(key, headers) or original(bucket, key, headers)


@patch("ministack.services.s3:_parse_multipart_form")
def _fields(original: Callable[..., list[tuple[Any, ...]]], *arguments: Any) -> list[tuple[Any, ...]]:
    """Return the parts of a form up to its file; S3 ignores those that follow."""
    parts = original(*arguments)
    ends = (number for number, part in enumerate(parts, start=1) if part[0] == "file")
    return parts[: next(ends, len(parts))]


@patch("ministack.services.s3:_delete_objects")
def _delete(original: Callable[..., Any], bucket: str, body: bytes, *rest: Any) -> Any:
    if body.count(b"<Object>") > _MOST_DELETIONS:
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        return _s3._error("MalformedXML", message, 400)
    return original(bucket, body, *rest)
