"""How a sender of webhooks signs, names and orders its deliveries."""

import re
from dataclasses import dataclass
from typing import Literal, NoReturn, Self

from aws_cdk import Token

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.validation import InvalidOptionError

Scheme = Literal["hmac-sha256", "standard-webhooks", "shared-token", "secret-in-address"]
Encoding = Literal["hex", "base64"]

_PATH = re.compile(r"(?=.{2,128}$)(/[A-Za-z0-9_-]+)+")
_PREFIX = re.compile(r"[!-~]*( [!-~]+)*")
_HEADER = re.compile(r"[a-z0-9-]{1,64}")


@checks_options
@dataclass(frozen=True, kw_only=True)
class WebhookSource:
    """How a sender signs, names and orders its deliveries.

    Create one with ``hmac_sha256`` or ``standard_webhooks``; for a sender that does not sign with ``shared_token`` or
    ``secret_in_address``.

    Attributes:
        path: Route of the API that the sender posts to.
        scheme: How it signs.
        signature_header: Header with the signature or the token; lower case, empty when there is none.
        signature_prefix: What stands before the signature in it.
        delivery_header: Header with the sender's id of a delivery, which stays the same when it sends it again; None
            when it gives none.
        encoding: How the signature is written: ``hex`` in either case, or ``base64`` with or without padding.
        timestamp_header: Header with the time that is signed too; None when it is not.
        delivery_pointer: JSON pointer into the body to that id, for a sender that has it there.
        group_by: JSON pointer (RFC 6901) into the body to what the delivery is about; None when order does not matter.
        equal_bodies_are_replays: Whether a body that came before, under any id, is answered 200 and not queued again.
    """

    path: str
    scheme: Scheme
    signature_header: str
    signature_prefix: str
    delivery_header: str | None
    group_by: str | None
    equal_bodies_are_replays: bool = False
    encoding: Encoding = "hex"
    timestamp_header: str | None = None
    delivery_pointer: str | None = None

    def __post_init__(self) -> None:
        """Check every option.

        Raises:
            InvalidOptionError: for a path that is none of an API, or what is no header's name and no JSON pointer.
        """
        if not _PATH.fullmatch(self.path):
            self._refuse("path", "Start it with /, end it without, and use letters, digits, - and _")
        for option in ("signature_header", "delivery_header", "timestamp_header"):
            header = getattr(self, option)
            unused = header is None or (option == "signature_header" and self.scheme == "secret-in-address")
            if not unused and not _HEADER.fullmatch(header):
                self._refuse(option, "Use a header's name, such as x-hub-signature-256")
        if not _PREFIX.fullmatch(self.signature_prefix):
            self._refuse("signature_prefix", "Use characters that a header can have, such as sha256=")
        for option in ("group_by", "delivery_pointer"):
            pointer = getattr(self, option)
            if pointer is not None and not pointer.startswith("/"):
                self._refuse(option, "Use a JSON pointer, such as /issue/id")

    def _refuse(self, option: str, fix: str) -> NoReturn:
        raise InvalidOptionError("WebhookSource", option, f"is {getattr(self, option)!r}", fix)

    @property
    def route(self) -> str:
        """Path of the API's route; a secret in the address is its last part."""
        return f"{self.path}/{{secret}}" if self.scheme == "secret-in-address" else self.path

    @classmethod
    def hmac_sha256(
        cls,
        *,
        path: str = "/webhook",
        signature_header: str = "x-hub-signature-256",
        signature_prefix: str = "sha256=",
        encoding: Encoding = "hex",
        delivery_header: str | None = "x-github-delivery",
        group_by: str | None = None,
        equal_bodies_are_replays: bool = True,
    ) -> Self:
        """Return a sender that signs the body: an HMAC-SHA256 in a header.

        GitHub (the defaults), Jira and most issue trackers do so; Shopify with ``signature_header=
        "x-shopify-hmac-sha256"``, ``signature_prefix=""``, ``encoding="base64"`` and ``delivery_header=
        "x-shopify-event-id"``. The signature covers neither time nor id: prefer Standard Webhooks where the sender
        knows them.

        Args:
            path: Route of the API, such as ``/webhooks/tracker``.
            signature_header: Header with the signature.
            signature_prefix: What stands before the signature.
            encoding: ``hex`` in either case, or ``base64`` with or without padding.
            delivery_header: Header with the sender's id of a delivery; None: equal bodies are one delivery.
            group_by: JSON pointer to what a delivery is about, such as ``/issue/id``. Deliveries about the same thing
                are worked on one after the other, in the order of their arrival; by default each for itself.
            equal_bodies_are_replays: Whether a body that came within 7 days, under any id, is answered 200 and not
                queued again: who has seen a delivery can send it under another id. False for a sender that sends equal
                bodies on purpose, such as ``{"status": "down"}`` without a time; a replay is then worked on.
        """
        return cls(
            path=path,
            scheme="hmac-sha256",
            signature_header=_lower(signature_header),
            signature_prefix=signature_prefix,
            encoding=encoding,
            delivery_header=_lower(delivery_header) if delivery_header is not None else None,
            group_by=group_by,
            # Without ids equal bodies are one delivery anyway.
            equal_bodies_are_replays=equal_bodies_are_replays and delivery_header is not None,
        )

    @classmethod
    def standard_webhooks(
        cls, *, path: str = "/webhook", header_prefix: str = "webhook", group_by: str | None = None
    ) -> Self:
        """Return a sender that signs id, time and body as https://www.standardwebhooks.com describes.

        A delivery signed more than five minutes ago is refused, and its id cannot be changed.

        Args:
            path: Route of the API, such as ``/webhooks/tracker``.
            header_prefix: How the names of the three headers begin; ``svix`` for senders that use Svix's names.
            group_by: JSON pointer to what a delivery is about; see ``hmac_sha256``.
        """
        prefix = _lower(header_prefix)
        return cls(
            path=path,
            scheme="standard-webhooks",
            signature_header=f"{prefix}-signature",
            signature_prefix="v1,",
            encoding="base64",
            timestamp_header=f"{prefix}-timestamp",
            delivery_header=f"{prefix}-id",
            group_by=group_by,
        )

    @classmethod
    def shared_token(
        cls,
        *,
        path: str = "/webhook",
        token_header: str = "x-gitlab-token",  # noqa: S107 - the name of a header
        delivery_header: str | None = "idempotency-key",
        group_by: str | None = None,
    ) -> Self:
        """Return a sender that sends the secret itself in a header, as GitLab does (the default headers).

        Nothing proves that a body is the sender's, only that who sent it knows the secret. No log and no kept input has
        the header.

        Args:
            path: Route of the API, such as ``/webhooks/gitlab``.
            token_header: Header with the secret.
            delivery_header: Header with the sender's id of a delivery; None: equal bodies are one delivery.
            group_by: JSON pointer to what a delivery is about; see ``hmac_sha256``.
        """
        return cls(
            path=path,
            scheme="shared-token",
            signature_header=_lower(token_header),
            signature_prefix="",
            delivery_header=_lower(delivery_header) if delivery_header is not None else None,
            group_by=group_by,
        )

    @classmethod
    def secret_in_address(
        cls, *, path: str = "/webhook", delivery_pointer: str | None = "/id", group_by: str | None = None
    ) -> Self:
        """Return a sender that cannot sign, such as Backlog: who knows the address may send.

        The address is ``url`` with the secret as its last part; no log has it. Nothing proves that a body is the
        sender's: let the consumer's function read from the sender's API what the delivery names before it acts.

        Args:
            path: Route of the API, without the secret, such as ``/webhooks/backlog``.
            delivery_pointer: JSON pointer to the sender's id of a delivery; None: equal bodies are one delivery.
            group_by: JSON pointer to what a delivery is about; see ``hmac_sha256``. Backlog's is ``/content/id``.
        """
        return cls(
            path=path,
            scheme="secret-in-address",
            signature_header="",
            signature_prefix="",
            delivery_header=None,
            group_by=group_by,
            delivery_pointer=delivery_pointer,
        )


def _lower(header: str) -> str:
    """Write a header's name as API Gateway gives it; a token stays one, to be refused as such."""
    return header if Token.is_unresolved(header) else header.lower()
