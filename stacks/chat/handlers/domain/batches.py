"""Processing the records of a batch so that one that fails stops no other."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

logger = Logger(child=True)

Record = TypeVar("Record")


@contextmanager
def failing_alone(
    *records: Record, failed: set[Record], about: Callable[[], Mapping[str, Any]] = dict
) -> Iterator[None]:
    """Note records as failed instead of raising what happens to them.

    Args:
        records: What the batch calls them.
        failed: Gets them.
        about: Returns what the log line says about them, by which an operator finds the item; asked only then.
    """
    try:
        yield
    except Exception:
        logger.exception("records failed", records=records, **about())
        failed.update(records)
