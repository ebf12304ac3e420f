"""Administration of the embedded cloud, `/_cdp/` and `/_ministack/`, which only the root key opens."""

from http import HTTPStatus
from typing import Any

import httpx

from cdp_constructs.local.root import RootKey

__all__ = ["Administration"]


class Administration:
    """Sends requests to the paths that are no AWS service.

    Args:
        endpoint: Base URL of the embedded cloud.
        root: Its root key.
    """

    def __init__(self, endpoint: str, root: RootKey) -> None:
        self._endpoint = endpoint
        self._root = root

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request and return the answer.

        Args:
            method: HTTP method.
            path: For example `/_cdp/faults`.
            options: What httpx takes, for example `params` or `json`.

        Raises:
            httpx.HTTPStatusError: it was refused, or the endpoint is not an embedded cloud of this library.
        """
        return self._send(method, path, **options).raise_for_status()

    def accepts(self) -> bool:
        """Whether the server has this root key."""
        return self._send("GET", "/_ministack/health").status_code == HTTPStatus.OK

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        # The user's proxies must not see the key.
        url, headers = f"{self._endpoint}{path}", self._root.authorization
        return httpx.request(method, url, headers=headers, trust_env=False, **options)
