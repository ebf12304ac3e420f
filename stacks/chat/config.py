"""The chat's configuration: the key ``chat`` of the CDK context, checked before anything is built."""

import re
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from cdp_constructs.core.origins import check_origins
from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.operations.configuration import (
    ConfigurationError,
    SystemConfiguration,
    check_address,
    check_form,
    check_page_address,
    check_region,
)
from stacks.chat.firewall import FirewallConfiguration, check_rate
from stacks.chat.limits import LimitsConfiguration
from stacks.chat.placeholders import DOMAIN, ROUTED_NAMES
from stacks.chat.senders import KEY, NoticesConfiguration, SenderConfiguration

__all__ = ["ChatConfiguration", "ConfigurationError", "NoticesConfiguration"]

_ALARMS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"


class ChatConfiguration(SystemConfiguration):
    """What an operator decides about the chat. Without a value everything is on, with placeholder names."""

    KEY: ClassVar[str] = KEY
    EXAMPLE: ClassVar[str] = '{"regions": […]}'

    regions: tuple[str, ...] = Field(default=("ap-northeast-1", "us-west-2"), strict=False)
    """Regions that serve users. The first is the home Region: it holds the user pool and owns the table's definition,
    so it must stay first once the chat is deployed."""
    retired_regions: tuple[str, ...] = Field(default=(), strict=False)
    """Regions that used to serve users: their part of the history is still read."""
    allowed_origins: tuple[str, ...] = Field(default=(), strict=False)
    """Web origins beside the web client's own whose pages may call the API and upload attachments."""
    latency_routing: bool = True
    """Whether users reach the nearest healthy Region by one name, ``domain_name``."""
    web_domain_name: str | None = None
    """The web client's own name. Its origin may call every API and upload, beside ``allowed_origins``. Without it the
    name is CloudFront's, and the page reaches APIs and upload buckets through the distribution."""
    web_certificate_arn: str | None = None
    """An existing ACM certificate of us-east-1 for ``web_domain_name``; only with it. By default one is made there,
    validated in the hosted zone."""
    firewall: FirewallConfiguration | None = FirewallConfiguration()
    """What AWS WAF refuses before it reaches the web client, the API behind it, or the user pool; ``null`` for no rules
    but ``sign_in_rate_limit``. It does not see requests to the Regions' own ``execute-api`` addresses, which AWS WAF
    cannot protect: there ``limits`` and the throttling of the routes count."""
    web_acl_arn: str | None = None
    """An existing web ACL of scope CLOUDFRONT for the web client, instead of the one that ``firewall`` makes."""
    domain_name: str | None = None
    """The one name of the API, inside the hosted zone. Only with ``latency_routing``."""
    hosted_zone_id: str | None = None
    """Id of the public Route 53 hosted zone that holds ``domain_name``."""
    hosted_zone_name: str | None = None
    """Name of that zone."""
    alarm_email: str | None = f"operators@{DOMAIN}"
    """Receives every alarm of every Region, after confirming one mail from each. ``null`` for nobody."""
    silence_minutes: int | None = 15
    """Minutes without a request after which a Region raises an alarm, 5 to 1,440; ``null`` for no such alarm. With
    ``latency_routing`` Route 53 asks every Region all the time; without it quiet hours are silence too."""
    notices: NoticesConfiguration | None = NoticesConfiguration(identity=DOMAIN, sender=f"Chat <notices@{DOMAIN}>")
    """Mail and push for members who are away. With ``null`` the chat notifies connected members only."""
    limits: LimitsConfiguration = LimitsConfiguration()
    """The most that one user may do in a minute or an hour."""
    max_delivery_lag: int | None = 10
    """Seconds within which members who have a room open see what is posted there, 5 to 60. While a Region is later, it
    refuses messages, edits and reactions with 429; ``null`` to accept them however late they arrive."""
    typing_notices: bool = True
    """Whether those who have a room open see who types there. They are two of three live events and requests that a
    message causes; false saves them, for a chat of many people."""
    sign_in_email: SenderConfiguration | None = None
    """Who sends the codes of sign-up and recovery; the identity exists in the home Region. By default the sender of
    ``notices``; without either Cognito itself, at most 50 mails a day for the account."""
    sign_in_plan: Literal["essentials", "lite"] = "essentials"
    """The Cognito plan of the user pool. ``lite`` costs a third for each user who is active in a month, and does not
    rotate refresh tokens: one that is stolen renews sessions until it expires, 90 days after its sign-in."""
    sign_in_rate_limit: int | None = 1000
    """Requests to the user pool that one IP address may make in five minutes, 10 or more, renewals of sessions not
    counted; AWS WAF refuses what is above. ``null`` for no limit, and no web ACL."""
    runbook_base_url: str | None = None
    """Where the pages of ``docs/runbooks`` are published, such as ``https://wiki.example.com/runbooks``: alarms then
    link to their pages. By default they name the path in the repository."""

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
    def web_address(self) -> str | None:
        """Where people find the web client: its own name, or the first origin that is allowed; None if CloudFront's."""
        if self.web_domain_name is not None:
            return f"https://{self.web_domain_name}"
        return self.allowed_origins[0] if self.allowed_origins else None

    @property
    def web_name_is_in_zone(self) -> bool:
        """Whether the web client's own name is in the hosted zone, which then gets its records."""
        name, zone = self.web_domain_name, self.hosted_zone_name
        return name is not None and zone is not None and f".{name}".endswith(f".{zone}")

    @property
    def needs_edge(self) -> bool:
        """Whether something is made for CloudFront that it takes from us-east-1 only."""
        certificate = self.web_domain_name is not None and self.web_certificate_arn is None
        return certificate or (self.firewall is not None and self.web_acl_arn is None)

    @property
    def sender_of_codes(self) -> SenderConfiguration | None:
        """Who sends the codes of sign-up and recovery; None for Cognito itself."""
        return self.sign_in_email or self.notices

    @property
    def log_regions(self) -> tuple[str, ...]:
        """Regions that may hold a part of a room's history."""
        return (*self.regions, *self.retired_regions)

    @model_validator(mode="before")
    @classmethod
    def _have_names(cls, given: Any) -> Any:
        """Give placeholders for the names of the routing and of the web client, if none of the routing's is given."""
        if not isinstance(given, dict) or given.get("latency_routing", True) is not True:
            return given
        if ROUTED_NAMES.keys() & given:
            return given
        return {"web_domain_name": DOMAIN, **ROUTED_NAMES, **given}

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
            fix = f"Leave {option} out, or set latency_routing to true"
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
        if arn and not name:
            without = "Name the client in web_domain_name, or leave it out"
            raise InvalidOptionError(KEY, option, f"is {arn!r} without web_domain_name", without)
        if arn and not re.fullmatch(r"arn:aws:acm:us-east-1:\d{12}:certificate/[A-Za-z0-9-]+", arn):
            fix = f"Use one of us-east-1, which CloudFront needs, such as {example}"
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

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        """Refuse a name that nobody could validate, and mails whose links lead nowhere."""
        if self.web_domain_name and not self.web_certificate_arn and not self.web_name_is_in_zone:
            fix = "Add the ARN of a certificate in us-east-1, or hosted_zone_id and hosted_zone_name of its zone"
            given = f"is missing while web_domain_name is {self.web_domain_name!r}, in no hosted zone that is known"
            raise InvalidOptionError(KEY, "web_certificate_arn", given, fix)
        if self.notices is not None and self.web_address is None:
            problem = "was given without web_domain_name and allowed_origins, to which its links lead"
            links = "Give web_domain_name, or name the client's origin in allowed_origins, or set notices to null"
            raise InvalidOptionError(KEY, "notices", problem, links)
        return self

    @field_validator("alarm_email")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        return check_address(KEY, "alarm_email", address)

    @field_validator("runbook_base_url")
    @classmethod
    def _is_a_page_address(cls, address: str | None) -> str | None:
        return check_page_address(KEY, "runbook_base_url", address)

    @field_validator("notices")
    @classmethod
    def _are_for_our_regions(cls, notices: NoticesConfiguration | None, info: ValidationInfo) -> Any:
        regions = info.data.get("regions", ())
        for region in notices.platform_applications if notices else ():
            if regions and region not in regions:
                problem = f"contains {region!r}, where the chat is not"
                fix = f"Use {', '.join(regions)}, each with platform applications of its own"
                raise InvalidOptionError(KEY, "notices.platform_applications", problem, fix)
        return notices

    @field_validator("sign_in_email")
    @classmethod
    def _is_of_its_own_domain(cls, given: SenderConfiguration | None, info: ValidationInfo) -> Any:
        sender = given or info.data.get("notices")
        if sender and sender.identity not in {sender.address, sender.address.rpartition("@")[2]}:
            option = "sign_in_email.sender" if given else "notices.sender"
            problem = f"is {sender.sender!r}, which cannot send codes for Cognito: it is not at {sender.identity}"
            fix = f"Use an address at {sender.identity}" if given else 'Add "sign_in_email" with a sender that is'
            raise InvalidOptionError(KEY, option, problem, fix)
        return given

    @field_validator("silence_minutes")
    @classmethod
    def _is_a_time_that_an_alarm_can_look_back(cls, length: int | None) -> int | None:
        if length is not None:
            check_range(KEY, "silence_minutes", length, low=5, high=1440, unit="minutes", source=_ALARMS)
        return length

    @field_validator("max_delivery_lag")
    @classmethod
    def _is_a_lag_that_load_can_cause(cls, lag: int | None) -> int | None:
        if lag is not None:
            source = "below, a cold start would be late; above, a queue delivers again what was not published"
            check_range(KEY, "max_delivery_lag", lag, low=5, high=60, unit="seconds", source=source)
        return lag

    @field_validator("sign_in_rate_limit")
    @classmethod
    def _is_a_rate_of_waf(cls, limit: int | None) -> int | None:
        return limit if limit is None else check_rate("sign_in_rate_limit", limit)
