"""Notes in a table that events are published late, so that what lets events in can refuse further ones.

Nothing is written while events are on time, and at most once a second while they are late. The note lapses by itself.
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from mypy_boto3_dynamodb.client import DynamoDBClient

logger = Logger(child=True)

HOLDS_FOR = 3.0
"""Seconds that a note counts. It is written again each second, so it bridges the pause between two batches."""
NO_LOAD = 120.0
"""Seconds from which on an event was held back by a failure, or is a replay: load is refused long before. It is less
than the visibility timeout, after which the queue delivers again what a function did not finish."""
_BETWEEN_WRITES = 1.0


def sent_at(record: "SQSRecord") -> float | None:
    """Return when an event came about, in epoch seconds; of one that does not say so, when it came into the queue."""
    named = (record.get("messageAttributes") or {}).get("sent_at", {}).get("stringValue")
    milliseconds = named or (record.get("attributes") or {}).get("SentTimestamp")
    return int(milliseconds) / 1000 if milliseconds and milliseconds.isascii() and milliseconds.isdigit() else None


class LagNote:
    """The note of one Region.

    Args:
        table_name: Where it is written; None for nowhere.
        region: The Region.
        max_lag: Seconds from which on an event is late.
        clock: Epoch seconds.
    """

    client: "DynamoDBClient | None" = None
    """Made for the first note: usually there is none."""

    def __init__(
        self, table_name: str | None, region: str, max_lag: float, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._table_name = table_name
        self._region = region
        self._max_lag = max_lag
        self._clock = clock
        self._written_at = 0.0

    @classmethod
    def read(cls) -> "LagNote":
        """Return the note that the environment variables name."""
        return cls(os.environ.get("LAG_TABLE"), os.environ["AWS_REGION"], float(os.environ.get("MAX_LAG", "0")))

    def see(self, published: Iterable["SQSRecord"]) -> None:
        """Note how late events were published, if one of them was."""
        if self._table_name is None:
            return
        now = self._clock()
        lags = [now - at for at in map(sent_at, published) if at is not None]
        late = [lag for lag in lags if self._max_lag < lag < NO_LOAD]
        if late:
            self.write(max(late))

    def write(self, lag: float) -> None:
        """Note that events are late; not more than once a second, and without an error when it cannot be written.

        Args:
            lag: Seconds, for operators; that there is a note says that they are too many.
        """
        now = self._clock()
        if self._table_name is None or now - self._written_at < _BETWEEN_WRITES:
            return
        self._written_at = now
        if self.client is None:
            config = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
            self.client = boto3.client("dynamodb", config=config)
        note = {"lag_ms": round(lag * 1000), "late_until_ms": round((now + HOLDS_FOR) * 1000)}
        key = {"pk": {"S": f"DELIVERY#{self._region}"}, "sk": {"S": "LAG"}}
        try:
            self.client.put_item(
                TableName=self._table_name, Item=key | {name: {"N": str(value)} for name, value in note.items()}
            )
        except (BotoCoreError, ClientError):
            # The events have been published; they must not be published again because of the note.
            logger.exception("Lag not noted", lag_ms=note["lag_ms"])
        else:
            logger.warning("Late", lag_ms=note["lag_ms"])
