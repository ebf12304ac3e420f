"""Stands for Lambda's event source mapping of a stream that reports failures and halves batches."""

from dataclasses import dataclass, field
from typing import Any

from tests.properties.running import Run


@dataclass
class Delivered:
    """What became of records.

    Attributes:
        given_up: Sequence numbers of the records that go to the dead-letter queue.
        calls: All calls of the handler.
    """

    given_up: list[str] = field(default_factory=list)
    calls: list[tuple[str, Any]] = field(default_factory=list)


def deliver(run: Run, records: list[dict[str, Any]], *, fails_with: str) -> Delivered:
    """Deliver records until each is done or given up; repeated deliveries of the same batch are left out.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html

    Args:
        run: The handler.
        records: A batch.
        fails_with: The name of the only exception with which the handler may fail a whole batch.
    """
    delivered = Delivered()
    batches = [records]
    while batches:
        batch = batches.pop(0)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        try:
            reported = [failure["itemIdentifier"] for failure in run.call({"Records": batch})["batchItemFailures"]]
        except Exception as error:
            if type(error).__name__ != fails_with:
                raise
            reported = [numbers[0]]
        delivered.calls += run.world.calls
        first = min(map(numbers.index, reported), default=len(batch))
        if first > 0:
            batches = [batch[first:], *batches] if batch[first:] else batches
        elif len(batch) == 1:
            delivered.given_up += numbers
        else:
            middle = len(batch) // 2
            batches = [batch[:middle], batch[middle:], *batches]
    return delivered
