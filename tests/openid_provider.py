"""A provider of OpenID Connect with keys of its own, for sign-ins of the embedded cloud: what it says is the test's."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["OpenIdProvider"]


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OpenIdProvider:
    """Signs in whoever comes, as the person that the test names.

    Attributes:
        claims: What the next id token says of the person; the test changes it.
        forged: Whether the next id token is signed with a key that the provider does not publish.
    """

    def __init__(self, issuer: str, client_id: str, client_secret: str) -> None:
        self.issuer, self._client_id, self._client_secret = issuer, client_id, client_secret
        self.claims: dict[str, Any] = {}
        self.forged = False
        self._key, self._other_key = _new_key(), _new_key()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def endpoints(self) -> dict[str, str]:
        """What a user pool has to know instead of discovering it: the provider is no https site."""
        address = f"http://127.0.0.1:{self._server.server_port}"
        names = {"authorize_url": "authorize", "token_url": "token", "jwks_uri": "jwks", "attributes_url": "userinfo"}
        return {name: f"{address}/{path}" for name, path in names.items()}

    @contextmanager
    def serving(self) -> Iterator["OpenIdProvider"]:
        """Answer until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def id_token(self) -> str:
        """Return an id token of the person who is named."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": self._client_id, "iat": now, "exp": now + 300, **self.claims}
        key = self._other_key if self.forged else self._key
        return jwt.encode(said, key, algorithm="RS256", headers={"kid": "1"})

    def keys(self) -> dict[str, Any]:
        """Return the public keys."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": "1", "use": "sig", "alg": "RS256"}]}

    def token(self, form: dict[str, list[str]], authorization: str) -> tuple[int, dict[str, Any]]:
        """Answer a code, if the client knows its secret."""
        given = form.get("client_secret", [""])[0]
        if authorization.startswith("Basic "):
            given = base64.b64decode(authorization[6:]).decode().partition(":")[2]
        if given != self._client_secret:
            return 401, {"error": "invalid_client"}
        return 200, {"id_token": self.id_token(), "access_token": "given", "token_type": "Bearer", "expires_in": 300}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                if url.path == "/authorize":
                    asked = parse_qs(url.query)
                    back = urlencode({"code": "of-the-provider", "state": asked["state"][0]})
                    self.send_response(302)
                    self.send_header("Location", f"{asked['redirect_uri'][0]}?{back}")
                    self.end_headers()
                else:
                    self._answer(200, provider.keys())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(*provider.token(parse_qs(body), self.headers.get("Authorization", "")))

            def _answer(self, status: int, document: dict[str, Any]) -> None:
                text = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        return Handler
