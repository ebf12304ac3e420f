"""Lambda: the credentials of a function's role cannot be computed from its ARN.

MiniStack makes them a digest of the ARNs of function and role, which anybody may know.
"""

import hmac
import secrets
from types import ModuleType
from typing import Any

from cdp_constructs.local.kit.patch import replace_attributes

_KEY = secrets.token_bytes(32)


@replace_attributes("ministack.core.lambda_runtime:hashlib")
def _with_a_key(_original: ModuleType) -> dict[str, Any]:
    return {"sha256": lambda data: hmac.new(_KEY, data, "sha256")}
