"""A pause of repairs: a parameter says until when, and it ends by itself."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

__all__ = ["Pause"]

_KNOWN_FOR_S = 2


class Pause:
    """Asks Systems Manager, at most every two seconds."""

    def __init__(self, client: "SSMClient", name: str, longest: timedelta) -> None:
        self._client = client
        self._name = name
        self._longest = longest
        self._asked_at = -float(_KNOWN_FOR_S)
        self._ends_at: datetime | None = None

    def ends_at(self) -> datetime | None:
        """Return when the present pause ends; None when there is none.

        The parameter has a time of ISO 8601. A pause ends at that time, and never later than the longest pause after
        the parameter was written. What is no time is no pause.
        """
        if monotonic() - self._asked_at >= _KNOWN_FOR_S:
            self._ends_at, self._asked_at = self._read(), monotonic()
        return self._ends_at if self._ends_at is not None and self._ends_at > datetime.now(UTC) else None

    def _read(self) -> datetime | None:
        parameter = self._client.get_parameter(Name=self._name)["Parameter"]
        try:
            asked = datetime.fromisoformat(parameter["Value"].strip())
            if asked.tzinfo is None:
                asked = asked.replace(tzinfo=UTC)
            return min(asked, parameter["LastModifiedDate"] + self._longest)
        except (ValueError, OverflowError):
            return None
