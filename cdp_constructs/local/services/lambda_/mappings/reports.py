"""What a function reports about the records of a batch, with `ReportBatchItemFailures`.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html: a report that names nothing is a success,
and one that names something else than records of the batch is a failure of all of them.
"""

from collections.abc import Collection
from typing import Any

__all__ = ["REPORT", "failed_of"]

REPORT = "batchItemFailures"


def failed_of(answer: Any, known: Collection[str]) -> set[str]:
    """Return which records failed.

    Args:
        answer: What the function returned.
        known: The identifiers of all records: message ids, or sequence numbers.
    """
    items = answer.get(REPORT) if isinstance(answer, dict) else None
    if not items:
        return set()
    listed = items if isinstance(items, list) else [None]
    named = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in listed]
    readable = [name for name in named if isinstance(name, str) and name in known]
    return set(readable) if len(readable) == len(named) else set(known)
