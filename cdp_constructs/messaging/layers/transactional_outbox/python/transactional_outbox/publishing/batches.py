"""What a function answers to a batch of a stream of which some records failed."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

__all__ = ["FirstRecordFailedError", "answer"]


class FirstRecordFailedError(Exception):
    """The first record of the batch failed: Lambda halves the batch and retries, down to the record that is bad."""


def answer(sequence_numbers: Sequence[str], failed: Collection[int]) -> "PartialItemFailureResponse":
    """Return from which record on Lambda delivers a batch again.

    Args:
        sequence_numbers: Of the records of the batch, in its order.
        failed: Positions of those that failed.

    Raises:
        FirstRecordFailedError: the first record is one of them.
    """
    if not failed:
        return {"batchItemFailures": []}
    first = min(failed)
    if first == 0:
        # What is reported is where Lambda cuts a batch, so this one would be delivered again as it is, and given up
        # with all that is good in it. A batch that fails as a whole is halved.
        raise FirstRecordFailedError
    return {"batchItemFailures": [{"itemIdentifier": sequence_numbers[first]}]}
