"""What AWS WAF refuses: the part ``firewall`` of the chat's configuration."""

import re

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from cdp_constructs.core.validation import InvalidOptionError, check_range

_RATES = (
    "https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-high-level-settings.html"
)


def check_rate(option: str, limit: int) -> int:
    """Return a rate limit of AWS WAF.

    Raises:
        InvalidOptionError: it has none below 10 or above 2,000,000,000 requests.
    """
    check_range("chat", option, limit, low=10, high=2_000_000_000, unit="requests", source=_RATES)
    return limit


class FirewallConfiguration(BaseModel):
    """Rules of the web client's web ACL; the countries are also those of the user pool's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rate_limit: int = 10_000
    """Requests of one IP address to the web client and its API in five minutes. An office is one address: a person
    makes about 20 in five minutes, and 60 for each hundred messages that are sent."""
    allowed_countries: tuple[str, ...] = Field(default=(), strict=False)
    """Codes of the only countries that are served; all by default."""
    blocked_countries: tuple[str, ...] = Field(default=(), strict=False)
    """Codes of countries that are not served."""

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate_of_waf(cls, limit: int) -> int:
        return check_rate("firewall.rate_limit", limit)

    @field_validator("allowed_countries", "blocked_countries")
    @classmethod
    def _are_codes(cls, codes: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        option = f"firewall.{info.field_name}"
        for code in codes:
            if not re.fullmatch(r"[A-Z]{2}", code):
                raise InvalidOptionError("chat", option, f"contains {code!r}", "Use codes of ISO 3166, such as 'JP'")
        if codes and info.field_name == "blocked_countries" and info.data.get("allowed_countries"):
            fix = "Give one of them: what is not allowed is blocked"
            raise InvalidOptionError("chat", option, "was given together with allowed_countries", fix)
        return codes
