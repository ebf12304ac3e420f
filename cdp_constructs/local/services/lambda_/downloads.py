"""Lambda: the addresses of code and layers that its API returns are signed, like the presigned URLs of AWS."""

import hmac
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from cdp_constructs.local.kit.patch import patch_each
from cdp_constructs.local.kit.root import root_key

__all__ = ["PATHS", "is_signed"]

PATHS = ("/_ministack/lambda-code/", "/_ministack/lambda-layers/")
"""Below which MiniStack serves them, to everybody who asks."""

_SECONDS = 600


def _signature(path: str, expires: str) -> str:
    return hmac.new(root_key().secret_access_key.encode(), f"{path}\n{expires}".encode(), "sha256").hexdigest()


@patch_each("ministack.services.lambda_svc:_presigned_code_url", "ministack.services.lambda_svc:_layer_content_url")
def _signed(original: Callable[..., str], *arguments: object) -> str:
    address = urlsplit(original(*arguments))
    expires = str(int(time.time()) + _SECONDS)
    return address._replace(query=f"Expires={expires}&Signature={_signature(address.path, expires)}").geturl()


def is_signed(path: str, query: bytes) -> bool:
    """Whether an address is one that the API returned at most ten minutes ago."""
    given = parse_qs(query.decode("latin-1"))
    expires, signature = given.get("Expires", [""])[0], given.get("Signature", [""])[0]
    if not hmac.compare_digest(signature.encode(), _signature(path, expires).encode()):
        return False
    return time.time() <= int(expires)
