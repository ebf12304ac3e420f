"""The push service for browsers of the embedded cloud, as a browser and as a test use it."""

from base64 import b64decode
from dataclasses import dataclass

from cdp_constructs.local.clients.administration import Administration

__all__ = ["PushService", "WebPushMessage"]


@dataclass(frozen=True)
class WebPushMessage:
    """A message that waits for a browser."""

    body: bytes
    """Encrypted for the browser (RFC 8291)."""
    ttl: int
    """Seconds that the push service keeps it."""
    topic: str
    """A newer message of the same topic replaces it."""
    urgency: str


class PushService:
    """Makes subscriptions, which on AWS are those of browsers, and reads what was sent to them.

    Args:
        administration: Of the embedded cloud.
    """

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def subscribe(self, application_server_key: str) -> str:
        """Return the endpoint of a new subscription.

        Args:
            application_server_key: The public key that messages must be signed for, in base64url.
        """
        document = {"application_server_key": application_server_key}
        answer = self._administration.request("POST", "/_cdp/web-push/subscriptions", json=document)
        return str(answer.json()["endpoint"])

    def messages(self, endpoint: str) -> list[WebPushMessage]:
        """Return what waits for a browser, oldest first."""
        answer = self._administration.request("GET", "/_cdp/web-push/messages", params={"endpoint": endpoint})
        return [
            WebPushMessage(**{**message, "body": b64decode(message["body"])}) for message in answer.json()["messages"]
        ]

    def answer(self, endpoint: str, status: int) -> None:
        """Answer with a status to what is sent from now on, such as 410 for one that has ended; 0: as usual."""
        document = {"endpoint": endpoint, "status": status}
        self._administration.request("PUT", "/_cdp/web-push/answer", json=document)
