"""User name and password: from Secrets Manager, which has the newest one after a rotation, or a token of IAM."""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import boto3

__all__ = ["Credentials", "credentials_from_environment"]

_SECONDS = 10.0
"""A secret is read again for a new connection after so long: a rotated password is wrong for no longer."""
_PORT = 5432


@dataclass(frozen=True)
class Credentials:
    """Who connects."""

    user: str
    password: str = field(repr=False)


def credentials_from_environment(host: str) -> Callable[[], Credentials]:
    """Return what gives the credentials for a new connection to a host.

    ``DATABASE_USER`` signs in with IAM; otherwise the secret ``DATABASE_SECRET`` is read.
    """
    user = os.environ.get("DATABASE_USER")
    if user is None:
        return _of_secret(os.environ["DATABASE_SECRET"])
    return lambda: Credentials(user, boto3.client("rds").generate_db_auth_token(host, _PORT, user))


def _of_secret(arn: str) -> Callable[[], Credentials]:
    lock = threading.Lock()
    read: list[tuple[float, Credentials]] = []

    def current() -> Credentials:
        with lock:
            if not read or time.monotonic() - read[0][0] > _SECONDS:
                text = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
                content = json.loads(text)
                read[:] = [(time.monotonic(), Credentials(content["username"], content["password"]))]
            return read[0][1]

    return current
