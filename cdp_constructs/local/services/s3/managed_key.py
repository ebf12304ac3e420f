"""S3: writes that ask for `aws:kms` without naming a key use the key that S3 manages, as the bootstrap bucket expects.

MiniStack refuses such a write. Nothing is encrypted either way; the headers are stored and returned.
"""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_responses: Any = ministack.module("core.responses")

_ALGORITHM = "x-amz-server-side-encryption"
_KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"


@patch("ministack.services.s3:_resolve_sse_write_headers")
def _name_managed_key(original: Callable[..., Any], headers: dict[str, str], bucket: str) -> Any:
    if headers.get(_ALGORITHM) == "aws:kms" and not headers.get(_KEY_ID):
        scope = f"{_responses.get_region()}:{_responses.get_account_id()}"
        headers = {**headers, _KEY_ID: f"arn:aws:kms:{scope}:alias/aws/s3"}
    return original(headers, bucket)
