"""What the function needs to know, read once."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Environment:
    """Whose tokens are accepted."""

    issuer: str
    """The claim ``iss`` of tokens."""
    client_ids: tuple[str, ...]
    """The app clients whose tokens are accepted."""
    keys_url: str
    """Where the user pool publishes its public keys; the SDKs' own setting of another endpoint counts."""

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        issuer, base = os.environ["ISSUER"], os.environ.get("AWS_ENDPOINT_URL")
        pool = f"{base}{urlsplit(issuer).path}" if base else issuer
        return cls(issuer, tuple(os.environ["CLIENT_IDS"].split(",")), f"{pool}/.well-known/jwks.json")
