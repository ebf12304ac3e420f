"""Tokens of user pools and of an issuer that the tests run themselves."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cdp_constructs.local import LocalCloud
from tests.local.services.apigateway.apis import TOKYO


def sign_in(cloud: LocalCloud, pool: str, client: str) -> dict[str, str]:
    cognito = cloud.client("cognito-idp", region=TOKYO)
    credentials = {"USERNAME": "ann@example.com", "PASSWORD": "Corr3ct-Horse!"}
    if not cognito.list_users(UserPoolId=pool)["Users"]:
        cognito.sign_up(
            ClientId=client,
            Username=credentials["USERNAME"],
            Password=credentials["PASSWORD"],
            UserAttributes=[{"Name": "email", "Value": credentials["USERNAME"]}],
        )
        cognito.admin_confirm_sign_up(UserPoolId=pool, Username=credentials["USERNAME"])
    answer = cognito.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=credentials)
    result: dict[str, str] = answer["AuthenticationResult"]
    return result


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def decode(part: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return document


def encode(document: bytes) -> str:
    return base64.urlsafe_b64encode(document).rstrip(b"=").decode()


def forge(token: str, **claims: Any) -> str:
    """Return the token with other claims, signed by a key of the forger under the same key id."""
    header, body, _ = token.split(".")
    signed = f"{header}.{encode(json.dumps({**decode(body), **claims}).encode())}"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return f"{signed}.{encode(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class Issuer:
    """An OpenID Connect issuer of the test's own, which signs any claims."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        jwk = {"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig"}
        jwk |= {"n": encode(numbers.n.to_bytes(256, "big")), "e": encode(numbers.e.to_bytes(3, "big"))}
        self.documents = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [jwk]},
        }

    def token(self, **claims: Any) -> str:
        header = {"alg": "RS256", "kid": "one", "typ": "JWT"}
        signed = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
        return f"{signed}.{encode(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
