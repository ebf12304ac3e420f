"""Web origins as browsers send them: services compare them letter by letter."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import idna
from aws_cdk import Token
from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["check_origins"]

_OPTION = "allowed_origins"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
_LOOPBACK_NAME = ".localhost"
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FIX = "Use full origins with scheme and host and nothing after them, such as https://chat.example.com"


def check_origins(construct: "Construct | str", origins: Iterable[str] | None) -> list[str]:
    """Return the origins as browsers send them: in lower case, names in ASCII, without the scheme's own port.

    ``http`` is allowed for names of this machine only, which browsers treat as a secure context. An empty list is no
    page of another origin.

    Raises:
        InvalidOptionError: for None, and for wildcards, paths, other schemes, or what is no origin.
    """
    if isinstance(origins, str):
        fix = f"Give a list: [{origins!r}]"
        raise InvalidOptionError(construct, _OPTION, f"is {origins!r}", fix)
    if origins is None:
        fix = 'Name each web origin, such as ["https://chat.example.com"], or give [] for none'
        raise InvalidOptionError(construct, _OPTION, "is missing", fix)
    return list(dict.fromkeys(_normalised(construct, origin) for origin in origins))


def _normalised(construct: "Construct | str", origin: str) -> str:
    if not isinstance(origin, str):
        raise InvalidOptionError(construct, _OPTION, f"contains {origin!r}", _FIX)
    if Token.is_unresolved(origin):
        return origin
    try:
        return _as_sent(origin)
    except ValueError as error:
        raise InvalidOptionError(construct, _OPTION, f"contains {origin!r}: {error}", _FIX) from error


def _as_sent(origin: str) -> str:
    """Return an origin as a browser sends it.

    Raises:
        ValueError: it is none, or none that an API here may allow.
    """
    if "*" in origin:
        raise ValueError("wildcards would let every site in")
    parts = urlsplit(origin)
    scheme, port = parts.scheme, parts.port
    if re.search(r"\s", origin) or parts.username is not None or parts.path or parts.query or parts.fragment:
        raise ValueError("something stands beside scheme, host and port")
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("the scheme is not https; allow pages of an app's own scheme by a web origin of yours")
    host = _host(parts.hostname or "")
    if scheme == "http" and host not in _LOOPBACK and not host.endswith(_LOOPBACK_NAME):
        raise ValueError("http is for names of this machine only")
    return f"{scheme}://{host}" if port in {None, _DEFAULT_PORTS[scheme]} else f"{scheme}://{host}:{port}"


def _host(name: str) -> str:
    if ":" in name:
        return f"[{_as_written_by_browsers(name)}]"
    try:
        host = name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"the name cannot be written in ASCII: {error}") from error
    if not _HOST.fullmatch(host):
        raise ValueError("that is no host name")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # Browsers read such a name as an address, and send it with four decimal parts.
        ipaddress.IPv4Address(host)
    return host


def _as_written_by_browsers(address: str) -> str:
    """Return an IPv6 address in the shortest form, an embedded IPv4 address in hexadecimal."""
    found = ipaddress.IPv6Address(address)
    if found.ipv4_mapped is None:
        return found.compressed
    number = int(found.ipv4_mapped)
    return f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}"
