"""Processing the records of a batch so that one that fails stops no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from aws_lambda_powertools import Logger

logger = Logger(child=True)

Record = TypeVar("Record")


@contextmanager
def failing_alone(*records: Record, failed: set[Record]) -> Iterator[None]:
    """Note records as failed instead of raising what happens to them."""
    try:
        yield
    except Exception:
        logger.exception("records failed", records=records)
        failed.update(records)
