"""The chat's configuration: the key ``chat`` of the CDK context, checked before anything is built."""

import re
from email.utils import parseaddr
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from cdp_constructs.core.origins import check_origins
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.operations.configuration import (
    ConfigurationError,
    SystemConfiguration,
    check_address,
    check_form,
    check_region,
)

__all__ = ["ChatConfiguration", "ConfigurationError", "NoticesConfiguration"]

KEY = "chat"

# What SNS calls the push services of a platform: https://docs.aws.amazon.com/sns/latest/api/API_CreatePlatformApplication.html
_PLATFORMS = {"apns": "APNS|APNS_SANDBOX", "fcm": "GCM"}


class NoticesConfiguration(BaseModel):
    """Existing resources for mail and push to members who are away."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    identity: str
    """Domain or address that SES has verified, in every Region of the chat."""
    sender: str
    """Where mails come from: an address of the identity, perhaps with a name, as ``Chat <notices@example.com>``."""
    platform_applications: dict[str, dict[str, str]] = {}
    """For push: by Region, and there by platform (``apns``, ``fcm``), the ARN of the SNS platform application."""

    @field_validator("identity")
    @classmethod
    def _is_identity(cls, identity: str) -> str:
        if not re.fullmatch(r"([^@\s<>]+@)?[a-z0-9-]+(\.[a-z0-9-]+)+", identity):
            fix = "Use a domain or an address that SES has verified, such as example.com"
            raise InvalidOptionError(KEY, "notices.identity", f"is {identity!r}", fix)
        return identity

    @field_validator("sender")
    @classmethod
    def _is_of_the_identity(cls, sender: str, info: ValidationInfo) -> str:
        address, identity = parseaddr(sender)[1], str(info.data.get("identity", ""))
        domain = address.rpartition("@")[2]
        example = identity if "@" in identity else f"notices@{identity or 'example.com'}"
        if "@" not in address:
            fix = f"Use an address, perhaps with a name: Chat <{example}>"
            raise InvalidOptionError(KEY, "notices.sender", f"is {sender!r}", fix)
        if identity and identity not in {address, domain} and not domain.endswith(f".{identity}"):
            problem = f"is {sender!r}, which is not of the identity {identity!r}"
            raise InvalidOptionError(KEY, "notices.sender", problem, f"Use an address such as {example}")
        return sender

    @field_validator("platform_applications")
    @classmethod
    def _are_of_their_region(cls, applications: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for region, by_platform in applications.items():
            for platform, arn in by_platform.items():
                option = f"notices.platform_applications.{region}.{platform}"
                kinds = _PLATFORMS.get(platform)
                if kinds is None:
                    fix = f"Use one of {', '.join(_PLATFORMS)}"
                    raise InvalidOptionError(KEY, option, f"names the platform {platform!r}", fix)
                if not re.fullmatch(rf"arn:aws:sns:{re.escape(region)}:\d{{12}}:app/({kinds})/[\w.-]+", arn):
                    shape = f"arn:aws:sns:{region}:<account>:app/{kinds}/<name>"
                    fix = f"Use the ARN of an SNS platform application there, {shape}"
                    raise InvalidOptionError(KEY, option, f"is {arn!r}", fix)
        return applications


class ChatConfiguration(SystemConfiguration):
    """What an operator decides about the chat."""

    KEY: ClassVar[str] = KEY
    EXAMPLE: ClassVar[str] = '{"regions": […], "allowed_origins": […]}'

    regions: tuple[str, ...] = Field(strict=False)
    """Regions that serve users. The first is the home Region: it holds the user pool and owns the table's definition,
    so it must stay first once the chat is deployed."""
    retired_regions: tuple[str, ...] = Field(default=(), strict=False)
    """Regions that used to serve users: their part of the history is still read."""
    allowed_origins: tuple[str, ...] = Field(strict=False)
    """Web origins whose pages may call the API and upload attachments, such as ``https://chat.example.com``."""
    latency_routing: bool = False
    """Whether users reach the nearest healthy Region by one name, ``domain_name``."""
    web_domain_name: str | None = None
    """The web client's own name. Its origin may call every API and upload, beside ``allowed_origins``."""
    web_certificate_arn: str | None = None
    """ACM certificate of us-east-1 for ``web_domain_name``; only with it."""
    web_acl_arn: str | None = None
    """AWS WAF web ACL of scope CLOUDFRONT that judges every request to the web client and, through it, the API."""
    domain_name: str | None = None
    """The one name of the API, inside the hosted zone. Only with ``latency_routing``."""
    hosted_zone_id: str | None = None
    """Id of the public Route 53 hosted zone that holds ``domain_name``."""
    hosted_zone_name: str | None = None
    """Name of that zone."""
    alarm_email: str | None = None
    """Receives every alarm of every Region, after confirming one mail from each."""
    notices: NoticesConfiguration | None = None
    """Mail and push for members who are away; without it the chat notifies connected members only."""

    @property
    def home_region(self) -> str:
        """Region of the user pool and of the table's definition."""
        return self.regions[0]

    @property
    def origins(self) -> tuple[str, ...]:
        """Every web origin whose pages may call the API and upload attachments."""
        own = () if self.web_domain_name is None else (f"https://{self.web_domain_name}",)
        return tuple(dict.fromkeys((*self.allowed_origins, *own)))

    @property
    def web_address(self) -> str:
        """Where people find the web client: its own name, or the first origin that is allowed."""
        return self.allowed_origins[0] if self.web_domain_name is None else f"https://{self.web_domain_name}"

    @property
    def log_regions(self) -> tuple[str, ...]:
        """Regions that may hold a part of a room's history."""
        return (*self.regions, *self.retired_regions)

    @field_validator("regions", "retired_regions")
    @classmethod
    def _are_regions(cls, regions: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        option = str(info.field_name)
        if option == "regions" and not regions:
            raise InvalidOptionError(
                KEY, option, "is empty", 'Name at least one Region, such as ["ap-northeast-1", "us-west-2"]'
            )
        taken = list(info.data.get("regions", ()))
        for region in regions:
            check_region(KEY, option, region)
            if region in taken:
                raise InvalidOptionError(KEY, option, f"contains {region!r} twice", "Name every Region once")
            taken.append(region)
        return regions

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_origins(KEY, origins))

    @field_validator("domain_name", "hosted_zone_id", "hosted_zone_name")
    @classmethod
    def _belongs_to_routing(cls, value: str | None, info: ValidationInfo) -> str | None:
        option, routing = str(info.field_name), info.data.get("latency_routing", False)
        # The web client's name can be in a zone too, and then its records are made there.
        if not routing and value and option != "domain_name" and info.data.get("web_domain_name"):
            return value
        examples = {
            "domain_name": "api.chat.example.com",
            "hosted_zone_id": "Z0123456789EXAMPLE",
            "hosted_zone_name": "chat.example.com",
        }
        if routing and not value:
            fix = f'Add "{option}": "{examples[option]}", or set latency_routing to false'
            raise InvalidOptionError(KEY, option, f"is {value!r} while latency_routing is true", fix)
        if not routing and value:
            fix = f"Set latency_routing to true, or leave {option} out"
            raise InvalidOptionError(KEY, option, f"is {value!r} while latency_routing is false", fix)
        return value

    @field_validator("web_domain_name")
    @classmethod
    def _is_a_host_name(cls, name: str | None) -> str | None:
        label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
        if name is not None and not re.fullmatch(rf"(?=.{{1,253}}$)({label}\.)+[a-z]{{2,63}}", name):
            fix = "Use a host name without scheme and path, such as 'chat.example.com'"
            raise InvalidOptionError(KEY, "web_domain_name", f"is {name!r}", fix)
        return name

    @field_validator("web_certificate_arn")
    @classmethod
    def _covers_the_web_name(cls, arn: str | None, info: ValidationInfo) -> str | None:
        name, option = info.data.get("web_domain_name"), "web_certificate_arn"
        example = "arn:aws:acm:us-east-1:123456789012:certificate/…"
        if name and not arn:
            fix = f'Add "{option}": "{example}", or leave web_domain_name out'
            raise InvalidOptionError(KEY, option, f"is {arn!r} while web_domain_name is {name!r}", fix)
        if arn and not name:
            fix = "Name what it is for, or leave it out"
            raise InvalidOptionError(KEY, option, f"is {arn!r} without web_domain_name", fix)
        if arn and not re.fullmatch(r"arn:aws:acm:us-east-1:\d{12}:certificate/[A-Za-z0-9-]+", arn):
            fix = f"CloudFront takes certificates of us-east-1 only: use one such as {example}"
            raise InvalidOptionError(KEY, option, f"is {arn!r}", fix)
        return arn

    @field_validator("web_acl_arn")
    @classmethod
    def _is_a_global_web_acl(cls, arn: str | None) -> str | None:
        fix = "Use one of scope CLOUDFRONT, such as arn:aws:wafv2:us-east-1:123456789012:global/webacl/chat/…"
        pattern = r"arn:aws:wafv2:us-east-1:\d{12}:global/webacl/[\w-]+/[0-9a-f-]+"
        return check_form(KEY, "web_acl_arn", arn, pattern, fix)

    @field_validator("hosted_zone_name")
    @classmethod
    def _holds_the_domain(cls, zone: str | None, info: ValidationInfo) -> str | None:
        domain = info.data.get("domain_name")
        if zone and domain and domain != zone and not domain.endswith(f".{zone}"):
            fix = f"Use the zone that holds {domain!r}, or a name that ends in {f'.{zone}'!r}"
            raise InvalidOptionError(KEY, "hosted_zone_name", f"is {zone!r}, outside domain_name {domain!r}", fix)
        return zone

    @field_validator("alarm_email")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        return check_address(KEY, "alarm_email", address)

    @field_validator("notices")
    @classmethod
    def _are_for_our_regions(cls, notices: NoticesConfiguration | None, info: ValidationInfo) -> Any:
        regions = info.data.get("regions", ())
        for region in notices.platform_applications if notices else ():
            if regions and region not in regions:
                problem = f"names {region!r}, where the chat is not"
                fix = f"Use {', '.join(regions)}, each with platform applications of its own"
                raise InvalidOptionError(KEY, "notices.platform_applications", problem, fix)
        return notices
