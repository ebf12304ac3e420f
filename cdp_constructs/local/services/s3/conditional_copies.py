"""S3: CopyObject with `If-None-Match` or `If-Match` looks at the object that it would replace, as a put does.

MiniStack looks at the conditions of the source only.
"""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_s3: Any = ministack.module("services.s3", "_check_put_preconditions", "_ensure_bucket")


@patch("ministack.services.s3:_copy_object")
def _copy(original: Callable[..., Any], bucket: str, key: str, headers: dict[str, str]) -> Any:
    target = _s3._ensure_bucket(bucket)
    refused = target and _s3._check_put_preconditions(headers, target["objects"].get(key))
    return refused or original(bucket, key, headers)
