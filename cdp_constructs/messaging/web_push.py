"""WebPush: the channel of Notifications that reaches browsers, also those in which no page is open."""

import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from aws_cdk import Token
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.cdk import lambda_
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["PUSH_SERVICES", "WebPush"]

PUSH_SERVICES = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
"""The push services of Chrome and what is built on Chromium, of Firefox, of Safari, and of Edge on Windows."""

_LOCAL = "localhost"
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?")
_CONTACT = re.compile(r"mailto:[^\s@]+@[^\s@]+|https://[^\s]+")


@checks_options
@dataclass(frozen=True)
class WebPush:
    """Web Push (RFC 8030, 8291, 8292) as a channel of ``Notifications``; checked when it is made.

    Browsers subscribe to the public key and are registered as devices with ``Notices.add_subscription``::

        layer = WebPush.layer_from_folder(stack, "WebPushLayer", "build/layers/web-push")
        web_push = WebPush(layer, contact="mailto:operators@example.com")

    Raises:
        InvalidOptionError: for a contact that is no mail address and no https address, or a push service that is no
            name of a host.
    """

    layer: "lambda_.ILayerVersion"
    """A layer with ``http_ece``, which encrypts messages; ``layer_from_folder()`` makes one."""

    _: KW_ONLY

    contact: str
    """Whom the operator of a push service writes to about this application: ``mailto:…`` or ``https://…``. Apple
    refuses messages without one.

    Source: https://www.rfc-editor.org/rfc/rfc8292#section-2.1
    """

    keys: "cdp_constructs.VapidKeys | None" = None
    """The key pair, of any Region of this account; the secret is read in the Region of the notifications, which must be
    one of its ``replica_regions``. Default: a new one."""

    push_services: Sequence[str] = PUSH_SERVICES
    """Hosts of the push services that endpoints may be at, ``*.example.com`` for those below one. Messages are sent to
    no other address. ``localhost`` is for the push service of the embedded cloud. Default: those of Chrome, Firefox,
    Safari and Edge."""

    def __post_init__(self) -> None:
        """Check what does not depend on the notifications."""
        if not Token.is_unresolved(self.contact) and not _CONTACT.fullmatch(self.contact):
            fix = "Use mailto: with an address, or an https address"
            raise InvalidOptionError("WebPush", "contact", f"is {self.contact!r}", fix)
        check_push_services("WebPush", "push_services", self.push_services)

    @staticmethod
    def layer_from_folder(scope: Construct, construct_id: str, folder: str | Path) -> "lambda_.LayerVersion":
        """Make the layer from a folder into which ``http_ece`` was installed; nothing is downloaded at synthesis.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            folder: Holds ``python/http_ece``; the error says with which command it is filled.

        Raises:
            InvalidOptionError: when the folder does not hold it.
        """
        from aws_cdk import aws_lambda as lambda_

        if not (Path(folder) / "python" / "http_ece" / "__init__.py").is_file():
            raise InvalidOptionError(
                f"{scope.node.path}/{construct_id}",
                "folder",
                f"is {str(folder)!r}, which has no http_ece",
                # cryptography, which it needs, is in the layer of Powertools.
                f"Run: pip install --no-deps --target {folder}/python http-ece",
            )
        return lambda_.LayerVersion(
            scope,
            construct_id,
            description="http_ece, which encrypts messages of Web Push",
            code=lambda_.Code.from_asset(str(folder), exclude=["**/__pycache__", "**/*.pyc"]),
        )


def check_push_services(path: str, option: str, services: Sequence[str]) -> None:
    """Refuse what names no host, such as an address of a network.

    Raises:
        InvalidOptionError: naming what is none.
    """
    if not services:
        raise InvalidOptionError(path, option, "is []", "Name at least one host, or leave it out")
    for name in services:
        if name != _LOCAL and not _HOST.fullmatch(name):
            fix = "Use a host name such as fcm.googleapis.com, or *.push.apple.com for all below it"
            raise InvalidOptionError(path, option, f"contains {name!r}", fix)
