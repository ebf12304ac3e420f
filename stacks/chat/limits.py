"""What one user may do: the part ``limits`` of the chat's configuration."""

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from cdp_constructs.core.validation import InvalidOptionError

# One user could not come near it: a Region's API takes 5,000 requests a second of all users.
_HIGHEST = 100_000


class LimitsConfiguration(BaseModel):
    """The most that one user may do in each Region; beyond, the API answers 429 and when to call again."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    messages_per_minute: int = 120
    changes_per_minute: int = 120
    """Edits, deletions and reactions together."""
    rooms_per_hour: int = 20
    joins_per_hour: int = 60
    uploads_per_hour: int = 60
    searches_per_minute: int = 30
    settings_per_hour: int = 60
    """Names, notifications, devices, invite codes and removed members together."""

    @field_validator("*")
    @classmethod
    def _is_a_limit(cls, limit: int, info: ValidationInfo) -> int:
        if not 1 <= limit <= _HIGHEST:
            fix = f"Use 1 to {_HIGHEST:,}"
            raise InvalidOptionError("chat", f"limits.{info.field_name}", f"is {limit}", fix)
        return limit
