"""A browser that has subscribed to Web Push, on the embedded cloud (its decryption needs ``http-ece``)."""

from base64 import urlsafe_b64encode
from functools import cached_property
from secrets import token_bytes
from typing import TYPE_CHECKING

from cdp_constructs.local import LocalCloud

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["Browser"]


class Browser:
    """A subscription as a browser has it, and what was pushed to it, decrypted (RFC 8291).

    ``endpoint``, ``p256dh`` and ``auth`` are what a page reads from its ``PushSubscription``::

        browser = Browser(cloud, public_key)
        notices.add_subscription("ann", browser.endpoint, browser.p256dh, browser.auth)

    Args:
        cloud: The embedded cloud, whose push service the browser has.
        application_server_key: The public key of ``VapidKeys``.
    """

    def __init__(self, cloud: LocalCloud, application_server_key: str) -> None:
        self._push_service = cloud.push_service
        self._secret = token_bytes(16)
        self.endpoint = self._push_service.subscribe(application_server_key)

    @property
    def auth(self) -> str:
        """The secret that only browser and application know."""
        return _base64url(self._secret)

    @cached_property
    def p256dh(self) -> str:
        """The public key of the browser."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return _base64url(self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def received(self) -> list[str]:
        """Return what waits at the push service, oldest first and decrypted."""
        import http_ece

        return [
            http_ece.decrypt(
                message.body, private_key=self._key, auth_secret=self._secret, version="aes128gcm"
            ).decode()
            for message in self._push_service.messages(self.endpoint)
        ]

    def unsubscribe(self) -> None:
        """End the subscription: the push service answers 410 from now on."""
        self._push_service.answer(self.endpoint, 410)

    @cached_property
    def _key(self) -> "EllipticCurvePrivateKey":
        from cryptography.hazmat.primitives.asymmetric import ec

        return ec.generate_private_key(ec.SECP256R1())


def _base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
