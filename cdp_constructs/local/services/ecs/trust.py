"""ECS: whose certificates programs in tasks trust: those of the system's authorities, and of the one of caches.

On AWS caches have certificates of Amazon's public authorities, which every system trusts.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.services.lambda_ import folders

__all__ = ["file", "variables"]

_elasticache: Any = ministack.module("services.elasticache", "_ensure_serverless_ca")


@once
def file() -> Path:
    """Return a file with these authorities, which every user can read."""
    of_system = ssl.get_default_verify_paths().cafile
    authority, _key = _elasticache._ensure_serverless_ca()
    made = folders.new_folder("authorities-") / "authorities.pem"
    made.write_text(f"{Path(of_system).read_text() if of_system else ''}\n{authority}")
    made.chmod(0o644)
    return made


def variables() -> Mapping[str, str]:
    """Return the variable by which OpenSSL, and so Python, knows them."""
    return {"SSL_CERT_FILE": str(file())}
