"""The push services of browsers: to which addresses messages are sent, and to no others.

A browser's endpoint comes from whoever registers it. What is not at a push service that the operator has listed is
refused, when it is registered and again when it is used.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable

# One form that every parser of URLs reads alike: no user, no port but 443, no escape but by %, no fragment.
_ENDPOINT = re.compile(r"https://(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)+)(:443)?/[\w.~:/?=&%+-]*", re.ASCII)
_LOCAL_ENDPOINT = re.compile(r"http://localhost:\d{1,5}/[\w.~:/?=&%+-]*", re.ASCII)
_LOCAL = "localhost"
_KEY_BYTES, _UNCOMPRESSED = 65, 4
_SECRET_BYTES = 16


def is_push_service(endpoint: str, services: Iterable[str]) -> bool:
    """Return whether an endpoint is at one of the push services.

    Args:
        endpoint: The address that a browser gave.
        services: Hosts, such as ``fcm.googleapis.com``, and ``*.push.apple.com`` for those below one. ``localhost`` is
            the push service of the embedded cloud, which has no HTTPS.
    """
    services = set(services)
    if _LOCAL in services and _LOCAL_ENDPOINT.fullmatch(endpoint):
        return True
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None:
        return False
    host = found["host"]
    return host in services or any(host.endswith(name[1:]) for name in services if name.startswith("*."))


def check_keys(p256dh: str, auth: str) -> None:
    """Refuse keys that no browser makes (RFC 8291): a point of P-256, uncompressed, and a secret of 16 bytes.

    Raises:
        ValueError: saying which.
    """
    point = decoded(p256dh)
    if len(point) != _KEY_BYTES or point[0] != _UNCOMPRESSED:
        raise ValueError("p256dh is no uncompressed point of P-256 in base64url")
    if len(decoded(auth)) != _SECRET_BYTES:
        raise ValueError(f"auth is no secret of {_SECRET_BYTES} bytes in base64url")


def decoded(text: str) -> bytes:
    """Decode base64url without padding; empty for what is none."""
    if not re.fullmatch(r"[\w-]*", text, re.ASCII):
        return b""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
