"""IAM: a request to S3 is about the object of exactly its key, such as `/leading`, `a//b` or `folder/`.

MiniStack leaves empty parts of a key out: a statement about `a/b` would be one about `a//b`, too, `folder/*` would not
include `folder/`, and the key `/` would be taken for the bucket. Nor does it know how the body of a request is signed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch

__all__: list[str] = []

# Stands for a key in what MiniStack reads of a path; no key of an object has it beside nothing else.
_ANY_KEY = "\0"


def _parts(path: str) -> tuple[str, str]:
    """Return bucket and key of a path, as S3 reads them."""
    bucket, _, key = path.lstrip("/").partition("/")
    return bucket, key


def _shortened(path: str) -> str:
    bucket, key = _parts(path)
    return f"/{bucket}/{_ANY_KEY}" if key else path


def _arn(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


@patch("ministack.core.iam_actions:_s3_action")
def _action(original: Callable[..., str | None], method: str, path: str, query: Mapping[str, Any]) -> str | None:
    return original(method, _shortened(path), query)


@patch("ministack.core.iam_actions:extract_resource_arn")
def _resource(original: Callable[..., str], service: str, method: str, path: str, *more: Any) -> str:
    bucket, key = _parts(path)
    return _arn(bucket, key) if service == "s3" and key else original(service, method, path, *more)


@patch("ministack.core.iam_actions:s3_additional_checks")
def _checks(
    original: Callable[..., list[tuple[str, str]]], method: str, path: str, *more: Any
) -> list[tuple[str, str]]:
    bucket, key = _parts(path)
    shortened = _arn(bucket, _ANY_KEY)
    checks = original(method, _shortened(path), *more)
    return [(action, _arn(bucket, key) if arn == shortened else arn) for action, arn in checks]


@patch("ministack.core.iam_actions:_s3_object_context")
def _context(
    original: Callable[..., dict[str, Any]],
    action: str,
    query: Mapping[str, Any],
    path: str,
    headers: Mapping[str, str],
) -> dict[str, Any]:
    """Add how the body of a request is signed, which policies may require; that of a presigned URL is not."""
    presigned = "UNSIGNED-PAYLOAD" if "X-Amz-Signature" in query else None
    signed = headers.get("x-amz-content-sha256", presigned)
    context = original(action, query, path, headers)
    return {**context, "s3:x-amz-content-sha256": signed} if signed else context
