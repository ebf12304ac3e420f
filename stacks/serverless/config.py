"""The configuration: the key ``serverless`` of the CDK context, checked before anything is built."""

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from cdp_constructs.operations.configuration import (
    ConfigurationError,
    SystemConfiguration,
    check_address,
    check_region,
)
from cdp_constructs.operations.placeholders import Placeholder, placeholders_in

__all__ = ["ConfigurationError", "ServerlessConfiguration"]

KEY = "serverless"


class ServerlessConfiguration(SystemConfiguration):
    """What an operator decides about the price lists."""

    KEY: ClassVar[str] = KEY
    EXAMPLE: ClassVar[str] = '{"region": …}'

    region: str = "ap-northeast-1"
    """Where it runs."""
    buyer_email: str | None = "buyers@serverless.example.com"
    """Receives the questions about prices that rise, after confirming one mail; ``null`` for nobody."""
    approval_hours: int = Field(default=48, ge=1, le=24 * 30)
    """How long a question waits; then the list is discarded."""
    alarm_email: str | None = "operators@serverless.example.com"
    """Receives the alarms, after confirming one mail; ``null`` for nobody."""

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The names that nobody owns."""
        addresses = {
            "buyer_email": (self.buyer_email, "Set the address that receives questions, or null"),
            "alarm_email": (self.alarm_email, "Set the address that receives alarms, or null"),
        }
        return placeholders_in(KEY, addresses)

    @field_validator("region")
    @classmethod
    def _is_a_region(cls, region: str) -> str:
        return check_region(KEY, "region", region, verb="is")

    @field_validator("buyer_email", "alarm_email")
    @classmethod
    def _is_an_address(cls, address: str | None, info: ValidationInfo) -> str | None:
        return check_address(KEY, str(info.field_name), address)
