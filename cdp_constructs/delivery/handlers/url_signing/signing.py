"""Signatures of CloudFront URLs and cookies, with the key that the secret holds."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, TransformParameterError
from botocore.signers import CloudFrontSigner
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .environment import Environment
from .requests import SigningRequest

_secrets = boto3.client("secretsmanager")
# A provider caches by secret and not by version, so each version has a provider of its own. Without a client each would
# make a session of its own, which reads the descriptions of all services again.
current_key = SecretsProvider(boto3_client=_secrets)
previous_key = SecretsProvider(boto3_client=_secrets)

# CloudFront assumes SHA-1 by default; with another one the answer must name the algorithm.
HASH_ALGORITHM = "SHA256"

_PARTS = {"key_pair_id": str, "private_key": str, "usable_from": int | float}


class UnusableKeyError(Exception):
    """The secret holds something else than a signing key, so nothing can be signed."""


def sign(request: SigningRequest, environment: Environment) -> dict[str, Any]:
    """Return the signed URL, or for a folder the cookies that open it."""
    key = _signing_key(environment.signing_secret)
    signer = CloudFrontSigner(key["key_pair_id"], _rsa_signer(key["private_key"]))
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=request.expires_in)
    expiry = expires_at.isoformat()
    folder = request.path.removesuffix("*")
    url = f"https://{environment.domain_name}/{quote(folder)}"
    if folder == request.path:
        signed = signer.generate_presigned_url(url, date_less_than=expires_at)
        return {"url": f"{signed}&Hash-Algorithm={HASH_ALGORITHM}", "expires_at": expiry}
    url += "*"
    # Only a custom policy can have a wildcard; in a cookie it has the same parts as in a URL.
    parts = parse_qsl(urlsplit(signer.generate_presigned_url(url, policy=signer.build_policy(url, expires_at))).query)
    cookies = {f"CloudFront-{name}": value for name, value in [*parts, ("Hash-Algorithm", HASH_ALGORITHM)]}
    return {"url": url, "cookies": cookies, "expires_at": expiry}


def _signing_key(secret: str) -> Any:
    """Return the current key, or in the first minutes after a rotation the one that all edge locations know.

    Raises:
        UnusableKeyError: when the secret holds no key.
    """
    key = _read(current_key, secret)
    if key["usable_from"] > datetime.now(UTC).timestamp():
        # After the loss of a key there is no earlier one: some edge locations refuse the new one for minutes.
        with suppress(UnusableKeyError, GetParameterError):
            key = _read(previous_key, secret, VersionStage="AWSPREVIOUS")
    return key


def _read(provider: SecretsProvider, secret: str, **which: Any) -> Any:
    try:
        key: Any = provider.get(secret, transform="json", **which)
    except TransformParameterError:
        key = None
    if not _is_usable(key):
        raise UnusableKeyError(f"secret {secret} holds no usable signing key; rotate it: it gets a new one")
    return key


def _is_usable(key: Any) -> bool:
    if not isinstance(key, dict) or not all(isinstance(key.get(name), kind) for name, kind in _PARTS.items()):
        return False
    try:
        _rsa_signer(key["private_key"])
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return True


@lru_cache(maxsize=2)
def _rsa_signer(pem: str) -> Callable[[bytes], bytes]:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the signing secret holds no RSA key")
    return lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256())
