"""Who the chat's mails come from: parts of its configuration, checked before anything is built."""

import re
from email.utils import parseaddr
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from cdp_constructs import PUSH_SERVICES
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.messaging.web_push import check_push_services

KEY = "chat"

# What SNS calls the push services of a platform: https://docs.aws.amazon.com/sns/latest/api/API_CreatePlatformApplication.html
_PLATFORMS = {"apns": "APNS|APNS_SANDBOX", "fcm": "GCM"}


class SenderConfiguration(BaseModel):
    """Who mails come from: an existing identity of SES, and an address of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    OPTION: ClassVar[str] = "sign_in_email"

    identity: str
    """Domain or address that SES has verified."""
    sender: str
    """Where mails come from: an address of the identity, perhaps with a name, as ``Chat <notices@example.com>``."""

    @property
    def address(self) -> str:
        """The sender's address without a name."""
        return parseaddr(self.sender)[1]

    @property
    def name(self) -> str | None:
        """The sender's name, if it has one."""
        return parseaddr(self.sender)[0] or None

    @field_validator("identity")
    @classmethod
    def _is_identity(cls, identity: str) -> str:
        if not re.fullmatch(r"([^@\s<>]+@)?[a-z0-9-]+(\.[a-z0-9-]+)+", identity):
            fix = "Use a domain or an address that SES has verified, such as example.com"
            raise InvalidOptionError(KEY, f"{cls.OPTION}.identity", f"is {identity!r}", fix)
        return identity

    @field_validator("sender")
    @classmethod
    def _is_of_the_identity(cls, sender: str, info: ValidationInfo) -> str:
        address, identity = parseaddr(sender)[1], str(info.data.get("identity", ""))
        domain, option = address.rpartition("@")[2], f"{cls.OPTION}.sender"
        example = identity if "@" in identity else f"notices@{identity or 'example.com'}"
        if "@" not in address:
            fix = f"Use an address, perhaps with a name: Chat <{example}>"
            raise InvalidOptionError(KEY, option, f"is {sender!r}", fix)
        if identity and identity not in {address, domain} and not domain.endswith(f".{identity}"):
            problem = f"is {sender!r}, which is not of the identity {identity!r}"
            raise InvalidOptionError(KEY, option, problem, f"Use an address such as {example}")
        return sender


class NoticesConfiguration(SenderConfiguration):
    """Mail and push to members who are away; the identity and the platform applications exist already.

    The identity exists in every Region of the chat.
    """

    OPTION: ClassVar[str] = "notices"

    platform_applications: dict[str, dict[str, str]] = {}
    """For push: by Region, and there by platform (``apns``, ``fcm``), the ARN of the SNS platform application."""

    web_push: bool = True
    """Whether browsers are notified, too: the members' own, of which each has asked for it."""
    push_services: tuple[str, ...] = Field(default=PUSH_SERVICES, strict=False)
    """Hosts of the push services that browsers may have; messages are sent to no other address. By default those of
    Chrome, Firefox, Safari and Edge; ``localhost`` is that of the embedded cloud."""

    @field_validator("push_services")
    @classmethod
    def _are_hosts(cls, services: tuple[str, ...]) -> tuple[str, ...]:
        check_push_services(KEY, "notices.push_services", services)
        return services

    @field_validator("platform_applications")
    @classmethod
    def _are_of_their_region(cls, applications: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for region, by_platform in applications.items():
            for platform, arn in by_platform.items():
                option = f"notices.platform_applications.{region}.{platform}"
                kinds = _PLATFORMS.get(platform)
                if kinds is None:
                    fix = f"Use one of {', '.join(_PLATFORMS)}"
                    raise InvalidOptionError(KEY, option, f"is of the platform {platform!r}", fix)
                if not re.fullmatch(rf"arn:aws:sns:{re.escape(region)}:\d{{12}}:app/({kinds})/[\w.-]+", arn):
                    shape = f"arn:aws:sns:{region}:<account>:app/{kinds}/<name>"
                    fix = f"Use the ARN of an SNS platform application there, {shape}"
                    raise InvalidOptionError(KEY, option, f"is {arn!r}", fix)
        return applications
