"""How much one user may do in a while, so that nobody takes the service from the others.

A counter for each user, kind, Region and span of the clock (a minute, an hour), which expires by itself. Each Region
counts what it accepted: a counter that two Regions wrote would lose what one of them counted.
"""

import math
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ..domain import table as keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef


class Budget(StrEnum):
    """What is counted, as the configuration of the chat names it."""

    MESSAGES = "messages_per_minute"
    CHANGES = "changes_per_minute"
    """Edits, deletions and reactions."""
    ROOMS = "rooms_per_hour"
    JOINS = "joins_per_hour"
    UPLOADS = "uploads_per_hour"
    SEARCHES = "searches_per_minute"
    SETTINGS = "settings_per_hour"
    """Names, notifications, devices, invite codes and removed members."""

    @property
    def seconds(self) -> int:
        """How long a span is."""
        return 60 if self.value.endswith("_per_minute") else 3600


class BudgetExceededError(Exception):
    """The user has done this as often as one user may; nothing was changed."""

    def __init__(self, budget: Budget, limit: int, retry_after: int) -> None:
        what, _, span = budget.value.partition("_per_")
        super().__init__(f"one user may have {limit} {what} in one {span}; call again in {retry_after} s")
        self.retry_after = retry_after
        """Seconds until the next span begins."""


class Budgets:
    """The counters of a table.

    Args:
        table: The table.
        region: This Region.
        limits: The most in one span, by budget.
        clock: Epoch seconds.
    """

    def __init__(
        self, table: "Table", region: str, limits: Mapping[str, int], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._table = table
        self._region = region
        self._limits = dict(limits)
        self._clock = clock

    def spend(self, user: str, budget: Budget) -> None:
        """Count once.

        Raises:
            BudgetExceededError: when the user's budget is used up.
        """
        try:
            self._table.meta.client.update_item(**self.update(user, budget))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise self.exceeded(budget) from None

    def update(self, user: str, budget: Budget) -> "UpdateTypeDef":
        """Return the update that counts once, for a transaction; its condition fails when the budget is used up."""
        span, end = self._span(budget)
        return {
            "TableName": self._table.name,
            "Key": keys.as_key(keys.budget_key(user, budget, self._region, span)),
            "UpdateExpression": "ADD used :one SET expires_at = :end",
            "ConditionExpression": "attribute_not_exists(used) OR used < :most",
            "ExpressionAttributeValues": {":one": 1, ":end": end, ":most": self._limits[budget]},
        }

    def exceeded(self, budget: Budget) -> BudgetExceededError:
        """Return the error of a budget that is used up."""
        _, end = self._span(budget)
        return BudgetExceededError(budget, self._limits[budget], max(1, math.ceil(end - self._clock())))

    def _span(self, budget: Budget) -> tuple[int, int]:
        """Return the number of the present span, and when it ends."""
        span = int(self._clock()) // budget.seconds
        return span, (span + 1) * budget.seconds
