"""The services' configuration: the key ``services`` of the CDK context, checked before anything is built."""

from typing import ClassVar, Self

from pydantic import field_validator, model_validator

from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.operations.configuration import (
    ConfigurationError,
    SystemConfiguration,
    check_address,
    check_region,
)
from cdp_constructs.operations.placeholders import Placeholder, placeholders_in

__all__ = ["ConfigurationError", "ServicesConfiguration"]

KEY = "services"


class ServicesConfiguration(SystemConfiguration):
    """What an operator decides about the services."""

    KEY: ClassVar[str] = KEY
    EXAMPLE: ClassVar[str] = '{"region": …}'

    region: str = "ap-northeast-1"
    """Where they run."""
    copy_region: str | None = "us-west-2"
    """Where a queue keeps a copy of every event for 14 days; ``null`` for no copies."""
    alarm_email: str | None = "operators@services.example.com"
    """Receives the alarms, after confirming one mail from each Region; ``null`` for nobody."""

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The names that nobody owns."""
        fix = "Set the address that receives alarms, or null"
        return placeholders_in(KEY, {"alarm_email": (self.alarm_email, fix)})

    @field_validator("region", "copy_region")
    @classmethod
    def _is_a_region(cls, region: str | None) -> str | None:
        return None if region is None else check_region(KEY, "region", region, verb="is")

    @field_validator("alarm_email")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        return check_address(KEY, "alarm_email", address)

    @model_validator(mode="after")
    def _is_elsewhere(self) -> Self:
        if self.copy_region == self.region:
            problem = f"is {self.copy_region!r}, where the services run"
            fix = "Name another Region: copies are for the time when this one does not answer; or null"
            raise InvalidOptionError(KEY, "copy_region", problem, fix)
        return self
