"""Signs CloudFront URLs, and cookies for everything below a folder, for those who may see the objects.

Two kinds of callers, one request: ``{"path": "accepted/u1/report.pdf", "expires_in": 300}``.

- **A user, through an HTTP API with a JWT authorizer**: the request is the JSON body; only paths below the user's own
  prefix (``USER_PREFIX``, where ``{sub}`` is the token's subject) are signed. Answers 200, 400, 401 or 403.
- **Another function, by direct invocation**: whoever may invoke this function may have every path signed.

The answer is ``{"url": …, "expires_at": …}``; for a path that ends in ``/*`` it also has ``cookies``, by name, which
open everything below that folder.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

logger = Logger()
tracer = Tracer()

# A provider caches by secret and not by version, so each version has a provider of its own.
current_key = SecretsProvider()
previous_key = SecretsProvider()

# CloudFront takes SHA-1 unless told otherwise; the answer must then name the algorithm.
HASH_ALGORITHM = "SHA256"
LONGEST_KEY_BYTES = 1024  # of an S3 key


class SigningRequest(BaseModel):
    """What is to be signed, and for how many seconds (1 to 3,600)."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1)
    expires_in: int = Field(default=300, ge=1, le=3600)

    @field_validator("path")
    @classmethod
    def _is_an_object_or_a_folder(cls, path: str) -> str:
        if len(path.encode()) > LONGEST_KEY_BYTES:
            raise ValueError(f"is longer than {LONGEST_KEY_BYTES} bytes")
        segments = path.removesuffix("/*").split("/")
        if any(segment in {"", ".", ".."} for segment in segments):
            raise ValueError("has an empty, '.' or '..' segment; write it without a leading slash")
        if "*" in "".join(segments):
            raise ValueError("has a * that is not its end; sign a folder as folder/*")
        return path


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)  # a signed URL in a trace would open the object to its readers
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Sign for a user of an HTTP API or for a direct caller."""
    if "requestContext" not in event:
        return sign(SigningRequest.model_validate(event))
    return _answer_user(APIGatewayProxyEventV2(event))


def _answer_user(event: APIGatewayProxyEventV2) -> dict[str, Any]:
    authorizer = event.request_context.authorizer
    subject = (authorizer.jwt_claim or {}).get("sub") if authorizer else None
    if not subject:
        return _answer(401, {"message": "Sign in first"})
    try:
        request = SigningRequest.model_validate_json(event.decoded_body or "")
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors()]
        return _answer(400, {"message": "; ".join(problems)})
    # A subject with a slash could reach below the prefix of another user.
    if "/" in subject or not request.path.startswith(os.environ["USER_PREFIX"].replace("{sub}", subject)):
        logger.warning("Refused to sign for another's path", subject=subject)
        return _answer(403, {"message": "Not yours"})
    signed = sign(request)
    return _answer(200, signed, cookies=_set_cookies(signed.get("cookies", {}), request))


def sign(request: SigningRequest) -> dict[str, Any]:
    """Return the signed URL, or for a folder the cookies that open it."""
    key = _signing_key()
    signer = CloudFrontSigner(key["key_pair_id"], _rsa_signer(key["private_key"]))
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=request.expires_in)
    expiry = expires_at.isoformat()
    folder = request.path.removesuffix("*")
    url = f"https://{os.environ['DOMAIN_NAME']}/{quote(folder)}"
    if folder == request.path:
        signed = signer.generate_presigned_url(url, date_less_than=expires_at)
        return {"url": f"{signed}&Hash-Algorithm={HASH_ALGORITHM}", "expires_at": expiry}
    url += "*"
    # Only a custom policy can have a wildcard; in a cookie it has the same parts as in a URL.
    parts = parse_qsl(urlsplit(signer.generate_presigned_url(url, policy=signer.build_policy(url, expires_at))).query)
    cookies = {f"CloudFront-{name}": value for name, value in [*parts, ("Hash-Algorithm", HASH_ALGORITHM)]}
    return {"url": url, "cookies": cookies, "expires_at": expiry}


def _signing_key() -> Any:
    """Return the current key, or in the first minutes after a rotation the one that all edge locations know."""
    secret = os.environ["SIGNING_SECRET"]
    key: Any = current_key.get(secret, transform="json")
    if key["usable_from"] > datetime.now(UTC).timestamp():
        key = previous_key.get(secret, transform="json", VersionStage="AWSPREVIOUS")
    return key


@lru_cache(maxsize=2)
def _rsa_signer(pem: str) -> Callable[[bytes], bytes]:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the signing secret holds no RSA key")
    return lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def _set_cookies(cookies: dict[str, str], request: SigningRequest) -> list[str]:
    """Return Set-Cookie values, when the distribution has a domain whose cookies the API's own domain may set."""
    domain = os.environ.get("COOKIE_DOMAIN")
    if not domain:
        return []
    folder = quote(request.path.removesuffix("*"))
    attributes = f"Domain={domain}; Path=/{folder}; Max-Age={request.expires_in}; Secure; HttpOnly; SameSite=Lax"
    return [f"{name}={value}; {attributes}" for name, value in cookies.items()]


def _answer(status: int, body: dict[str, Any], cookies: list[str] | None = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store"},
        "cookies": cookies or [],
        "body": json.dumps(body),
    }
