"""The mobile backend's configuration: the key ``mobile`` of the CDK context, checked before anything is built."""

from email.utils import parseaddr
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.operations.configuration import (
    ConfigurationError,
    SystemConfiguration,
    check_address,
    check_form,
    check_region,
)
from cdp_constructs.operations.placeholders import Placeholder, placeholders_in

__all__ = ["ConfigurationError", "MobileConfiguration", "NoticesConfiguration"]

KEY = "mobile"
DOMAIN = "mobile.example.com"
"""Nobody can own it: RFC 2606 keeps example.com for documentation."""
_HOST = r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"


class NoticesConfiguration(BaseModel):
    """Who notices come from; the identity and the platform applications exist already, in the backend's Region."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    identity: str = DOMAIN
    """Domain or address that SES has verified."""
    sender: str = f"Mobile <notices@{DOMAIN}>"
    """An address of the identity, perhaps with a name."""
    platform_applications: dict[str, str] = Field(default_factory=dict)
    """For push: by platform (``apns``, ``fcm``), the ARN of an SNS platform application."""

    @field_validator("identity")
    @classmethod
    def _is_an_identity(cls, identity: str) -> str:
        fix = "Use a domain or an address that SES has verified, such as example.com"
        check_form(KEY, "notices.identity", identity, rf"([^@\s<>]+@)?{_HOST}", fix)
        return identity

    @field_validator("sender")
    @classmethod
    def _is_a_sender(cls, sender: str) -> str:
        check_address(KEY, "notices.sender", parseaddr(sender)[1])
        return sender


class MobileConfiguration(SystemConfiguration):
    """What an operator decides about the mobile backend."""

    KEY: ClassVar[str] = KEY
    EXAMPLE: ClassVar[str] = '{"region": …}'

    region: str = "ap-northeast-1"
    """Where it runs. What is in front of it is everywhere, and defined in us-east-1."""
    domain_name: str | None = DOMAIN
    """The backend's own name, in the hosted zone; ``null`` for the name that CloudFront gives, and no certificate."""
    hosted_zone_id: str | None = "Z00000PLACEHOLDER"
    """Id of the public hosted zone of ``domain_name``."""
    hosted_zone_name: str | None = DOMAIN
    """Name of that zone."""
    notices: NoticesConfiguration = NoticesConfiguration()
    """Who notices come from."""
    rate_limit: int = 2_000
    """Requests of one IP address in five minutes; AWS WAF answers what is above with 429. An office, or a mobile
    network behind one address, counts together."""
    alarm_email: str | None = f"operators@{DOMAIN}"
    """Receives the alarms, after confirming a mail from each Region; ``null`` for nobody."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The web origin whose pages may call the APIs at their own addresses, too."""
        return () if self.domain_name is None else (f"https://{self.domain_name}",)

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The names that nobody owns."""
        names = {
            "domain_name": (self.domain_name, "Set a name in a zone of yours, or null for CloudFront's"),
            "hosted_zone_id": (self.domain_name and self.hosted_zone_id, "Set the id of a public hosted zone"),
            "hosted_zone_name": (self.domain_name and self.hosted_zone_name, "Set the name of that zone"),
            "notices.identity": (
                self.notices.identity,
                "Set mobile.notices to an identity that SES has verified and a sender of it",
            ),
            "alarm_email": (self.alarm_email, "Set the address that receives alarms, or null"),
        }
        return placeholders_in(KEY, names)

    @field_validator("region")
    @classmethod
    def _is_a_region(cls, region: str) -> str:
        return check_region(KEY, "region", region, verb="is")

    @field_validator("domain_name")
    @classmethod
    def _is_a_host_name(cls, name: str | None) -> str | None:
        fix = "Use a host name without scheme and path, such as 'game.example.com'"
        return check_form(KEY, "domain_name", name, _HOST, fix)

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate(cls, limit: int) -> int:
        source = "https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html"
        check_range(KEY, "rate_limit", limit, low=10, high=2_000_000_000, unit="requests", source=source)
        return limit

    @field_validator("alarm_email")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        return check_address(KEY, "alarm_email", address)

    @model_validator(mode="after")
    def _is_in_the_zone(self) -> Self:
        name, zone = self.domain_name, self.hosted_zone_name
        if name is None:
            return self
        if not self.hosted_zone_id or not zone:
            option = "hosted_zone_name" if self.hosted_zone_id else "hosted_zone_id"
            fix = "Name the public hosted zone of domain_name, or set domain_name to null"
            raise InvalidOptionError(KEY, option, "is missing", fix)
        if not f".{name}".endswith(f".{zone}"):
            fix = f"Use a name that ends with .{zone}, or another zone"
            raise InvalidOptionError(KEY, "domain_name", f"is {name!r}, which is not in the zone {zone!r}", fix)
        return self
