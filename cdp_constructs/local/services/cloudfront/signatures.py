"""Checks CloudFront's signed URLs and signed cookies: canned and custom policies, RSA and ECDSA keys."""

import base64
import ipaddress
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

__all__ = ["Refused", "Viewer", "authorise", "without_signature"]

_SIGNATURE_PARAMETERS = ("Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")
# SHA-1 is CloudFront's default when the viewer names none.
_HASH_ALGORITHMS: Mapping[str, type[hashes.HashAlgorithm]] = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256}


class Refused(Exception):  # noqa: N818 - it becomes an answer to the viewer, not an error of ours
    """The request is refused.

    Attributes:
        code: The code of the answer, as CloudFront gives it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Viewer:
    """What a viewer sent: URL without query, query string, cookies by name, and the address it came from."""

    url: str
    query: str
    cookies: Mapping[str, str]
    address: str


def without_signature(query: str) -> str:
    """Return the query string as it was before the URL was signed, which is also what origins get."""
    return "&".join(part for part in query.split("&") if part.partition("=")[0] not in _SIGNATURE_PARAMETERS)


def authorise(viewer: Viewer, keys: Mapping[str, str]) -> None:
    """Check the signature of a viewer's URL, or of its cookies when the URL has none.

    Args:
        viewer: The request.
        keys: PEM public keys of the trusted key groups, by key id.

    Raises:
        Refused: a part is missing, the key is not trusted, the signature does not fit, or the policy does not allow
            this URL, address or time.
    """
    parameters = dict(parse_qsl(viewer.query, keep_blank_values=True))
    if not parameters.keys() & set(_SIGNATURE_PARAMETERS):
        parameters = {
            name: viewer.cookies[f"CloudFront-{name}"]
            for name in _SIGNATURE_PARAMETERS
            if f"CloudFront-{name}" in viewer.cookies
        }
    if "Key-Pair-Id" not in parameters:
        raise Refused("MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
    if parameters["Key-Pair-Id"] not in keys:
        raise Refused("InvalidKey", "Unknown Key")
    query = without_signature(viewer.query)
    url = f"{viewer.url}?{query}" if query else viewer.url
    policy = _policy(parameters, url)
    algorithm = _HASH_ALGORITHMS.get(parameters.get("Hash-Algorithm", "SHA1"))
    if algorithm is None:
        raise Refused("AccessDenied", "Access denied")
    _verify(keys[parameters["Key-Pair-Id"]], _decode(parameters.get("Signature", "")), policy, algorithm())
    _evaluate(policy, url, viewer.address)


def _policy(parameters: Mapping[str, str], url: str) -> bytes:
    if "Policy" in parameters:
        return _decode(parameters["Policy"])
    if not re.fullmatch(r"\d{1,12}", parameters.get("Expires", "")):
        raise Refused("AccessDenied", "Access denied")
    # A canned policy is not sent; both sides write it, so every character counts.
    expires = int(parameters["Expires"])
    statement = {"Resource": url, "Condition": {"DateLessThan": {"AWS:EpochTime": expires}}}
    return json.dumps({"Statement": [statement]}, separators=(",", ":"), ensure_ascii=False).encode()


def _decode(text: str) -> bytes:
    """Decode CloudFront's base64, which writes `-_~` for the characters that a URL cannot hold."""
    try:
        return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")), validate=True)
    except ValueError:
        raise Refused("AccessDenied", "Access denied") from None


def _verify(pem: str, signature: bytes, message: bytes, algorithm: hashes.HashAlgorithm) -> None:
    key = load_pem_public_key(pem.encode())
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(algorithm))
        else:
            raise Refused("InvalidKey", "Unknown Key")
    except InvalidSignature:
        raise Refused("AccessDenied", "Access denied") from None


def _evaluate(policy: bytes, url: str, address: str) -> None:
    try:
        (statement,) = json.loads(policy)["Statement"]
        condition: Mapping[str, Any] = statement["Condition"]
        latest = int(condition["DateLessThan"]["AWS:EpochTime"])
        earliest = int(condition.get("DateGreaterThan", {}).get("AWS:EpochTime", 0))
        network = ipaddress.ip_network(condition.get("IpAddress", {}).get("AWS:SourceIp", "0.0.0.0/0"), strict=False)
        resource = str(statement.get("Resource", "*"))
    except (KeyError, TypeError, ValueError):
        raise Refused("MalformedPolicy", "Malformed Policy") from None
    now = time.time()
    allowed = earliest <= now < latest and ipaddress.ip_address(address) in network
    if not allowed or not _matches(resource, url):
        raise Refused("AccessDenied", "Access denied")


def _matches(resource: str, url: str) -> bool:
    """Tell whether a policy's resource covers a URL; `*` stands for any characters, `?` for exactly one."""
    wildcards = {"*": ".*", "?": "."}
    pattern = "".join(wildcards.get(character, re.escape(character)) for character in resource)
    return re.fullmatch(pattern, url, re.DOTALL) is not None
