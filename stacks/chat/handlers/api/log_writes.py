"""Writing the next entry of a log: all that belongs to it, or nothing; and again, when another writer was faster."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from ..domain import table as keys
from .budgets import Budget, Budgets

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef

logger = Logger(child=True)

# Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. The pauses of ten tries take
# 1.1 s on average and 2.2 s at most, beside the calls themselves.
_TRIES = 10
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.4

# Another writer was first, or the table is busy: a retry can succeed.
_WORTH_A_RETRY = {"ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


def tries(pause: Callable[[float], None]) -> Iterator[None]:
    """Yield as often as an entry should be tried to be written, with a pause before each but the first."""
    for attempt in range(_TRIES):
        if attempt:
            pause(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)))  # noqa: S311 - jitter
        yield


def put_new(table: "Table", item: keys.Item) -> "TransactWriteItemTypeDef":
    """Return the write of an item that there must not be."""
    return {"Put": {"TableName": table.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


def append(
    table: "Table",
    head: keys.Key,
    place: dict[str, int],
    writes: "Sequence[TransactWriteItemTypeDef]",
    *,
    budgets: Budgets,
    author: str,
    budget: Budget,
) -> bool:
    """Store the next entry of a log and what belongs to it, and count it, or nothing.

    Args:
        table: The table.
        head: Key of the head of the log.
        place: ``sequence`` and ``clock`` of the entry.
        writes: The entry, and what is written with it.
        budgets: Count what users do.
        author: Who wrote the entry.
        budget: As what it counts.

    Returns:
        False when another writer was faster: nothing was stored.

    Raises:
        BudgetExceededError: when the author has written as much as one user may.
    """
    moved: PutTypeDef = {"TableName": table.name, "Item": keys.as_key(head) | place, "ConditionExpression": ""}
    if place["sequence"] == 1:
        moved["ConditionExpression"] = "attribute_not_exists(pk)"
    else:
        moved["ConditionExpression"] = "#sequence = :before"
        moved["ExpressionAttributeNames"] = {"#sequence": "sequence"}
        moved["ExpressionAttributeValues"] = {":before": place["sequence"] - 1}
    counted: TransactWriteItemTypeDef = {"Update": budgets.update(author, budget)}
    try:
        table.meta.client.transact_write_items(TransactItems=[{"Put": moved}, *writes, counted])
    except ClientError as error:
        reasons = _reasons(error)
        if reasons and reasons[-1] == "ConditionalCheckFailed":
            raise budgets.exceeded(budget) from None
        if not _worth_a_retry(error, reasons):
            raise
        logger.debug("Another writer was faster", head=head, place=place)
        return False
    return True


def _reasons(error: ClientError) -> list[str]:
    """Return why a transaction was cancelled, by its items; "None" for those that were not at fault."""
    response: Any = error.response
    return [str(reason["Code"]) for reason in response.get("CancellationReasons", [])]


def _worth_a_retry(error: ClientError, reasons: Sequence[str]) -> bool:
    codes = set(reasons) - {"None"}
    return error.response["Error"]["Code"] == "TransactionCanceledException" and bool(codes) and codes <= _WORTH_A_RETRY
