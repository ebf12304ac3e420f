"""Requests to an AppSync Events API, signed by the function's role."""

import json
from collections.abc import Iterable
from typing import Any

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from pydantic_core import from_json

from .environment import Environment

# Throttling and short failures are retried here, because a message would wait for its visibility timeout.
_RETRY = urllib3.Retry(
    total=2,
    backoff_factor=0.2,
    backoff_jitter=0.2,
    status_forcelist=[429, 500, 502, 503, 504],
    allowed_methods=None,
    raise_on_status=False,
)


class PublishError(Exception):
    """A request that AppSync did not accept."""

    def __init__(self, status: int, answer: str) -> None:
        super().__init__(f"AppSync answered {status}: {answer}")
        self.status = status


class EventsApi:
    """The API that an environment names.

    Args:
        environment: Names it.
        connections: How many requests are sent at a time.
    """

    def __init__(self, environment: Environment, *, connections: int) -> None:
        self._environment = environment
        self._session = boto3.Session()
        self.http = urllib3.PoolManager(maxsize=connections, timeout=urllib3.Timeout(connect=2, read=4), retries=_RETRY)

    def publish(self, channel: str, events: Iterable[str]) -> dict[int, str]:
        """Send one request, and return by index the reasons of the events that failed.

        Args:
            channel: Where to.
            events: At most five JSON texts.

        Raises:
            PublishError: when AppSync does not accept the request.
        """
        domain = self._environment.http_domain
        # As UTF-8: \uXXXX would be twice what is measured of an event.
        body = json.dumps({"channel": channel, "events": list(events)}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Host": domain}
        # Signed for the API's own host, wherever the request goes.
        request = AWSRequest("POST", f"https://{domain}/event", data=body, headers=headers)
        credentials: Any = self._session.get_credentials()
        signer = SigV4Auth(credentials.get_frozen_credentials(), "appsync", self._environment.region)
        signer.add_auth(request)
        url = f"{self._environment.endpoint}/event"
        answer = self.http.request("POST", url, body=body, headers=dict(request.headers))
        if answer.status != 200:  # noqa: PLR2004
            raise PublishError(answer.status, answer.data[:500].decode(errors="replace"))
        try:
            failed = from_json(answer.data).get("failed", [])
            return {failure["index"]: str(failure.get("errorMessage") or failure.get("message")) for failure in failed}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PublishError(answer.status, f"the answer cannot be read: {error}") from error
