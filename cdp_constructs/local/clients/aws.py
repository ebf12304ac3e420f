"""boto3 clients for an endpoint, independent of the user's own AWS configuration."""

import os
import threading
from collections.abc import Mapping
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from cdp_constructs.assembly import DEFAULT_ACCOUNT, DEFAULT_REGION
from cdp_constructs.local.root import RootKey

__all__ = ["Clients", "Credentials"]

Credentials = Mapping[str, Any] | tuple[str, str] | tuple[str, str, str]
"""What STS and IAM return (`AccessKeyId`, `SecretAccessKey`, `SessionToken`), or the same as a tuple."""


def _triple(credentials: Credentials) -> tuple[str, str, str | None]:
    if isinstance(credentials, Mapping):
        key = credentials["AccessKeyId"]
        # Cognito calls it SecretKey, other services SecretAccessKey.
        secret = credentials.get("SecretAccessKey") or credentials["SecretKey"]
        return key, secret, credentials.get("SessionToken")
    key, secret, *token = credentials
    return key, secret, token[0] if token else None


class Clients:
    """Creates clients and caches them; safe to use from several threads.

    Args:
        endpoint: Base URL of the embedded cloud.
        root: Its root key.
    """

    def __init__(self, endpoint: str, root: RootKey) -> None:
        self._endpoint = endpoint
        self._root = root
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str, tuple[str, str, str | None]], Any] = {}
        # The user's profiles and credentials are neither needed nor used.
        core = botocore.session.Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )
        self._session = boto3.session.Session(botocore_session=core)

    def get(
        self,
        service: str,
        *,
        region: str = DEFAULT_REGION,
        credentials: Credentials | None = None,
        account: str = DEFAULT_ACCOUNT,
    ) -> Any:
        """Return the client of a service in a Region, as the account's root or as the principal of the credentials."""
        key, secret, token = _triple(credentials or self._root.credentials(account))
        with self._lock:
            identity = (service, region, (key, secret, token))
            if identity not in self._made:
                make: Any = self._session.client  # its stubs want the service as a literal
                made = make(
                    service,
                    region_name=region,
                    endpoint_url=self._endpoint,
                    aws_access_key_id=key,
                    aws_secret_access_key=secret,
                    aws_session_token=token,
                    config=_config(service),
                )
                # Its classes of errors are made at their first use: two threads would catch different ones.
                _ = made.exceptions
                self._made[identity] = made
            return self._made[identity]


def _config(service: str) -> Config:
    # Tests check for errors, so there is one retry at most, for connections that the server has closed.
    options: dict[str, Any] = {"retries": {"mode": "standard", "total_max_attempts": 2}, "max_pool_connections": 50}
    if service == "s3":
        # Host names per bucket do not resolve here, and presigned URLs of AWS are version 4 in new Regions anyway.
        options |= {"s3": {"addressing_style": "path"}, "signature_version": "s3v4"}
    # Nor do hosts that SDKs put before the endpoint, such as `data-` for DiscoverInstances.
    return Config(connect_timeout=5, read_timeout=120, proxies={}, inject_host_prefix=False, **options)
