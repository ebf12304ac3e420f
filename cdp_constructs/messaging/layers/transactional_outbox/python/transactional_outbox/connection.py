"""The table, as ``TransactionalOutbox.share_with`` names it."""

import os
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

__all__ = ["connect"]


def connect(variable: str = "OUTBOX_TABLE") -> "Table":
    """Return the table that ``TransactionalOutbox.share_with`` named in the environment.

    Calls end within a few seconds, so that a message fails instead of waiting for a table that does not answer.
    """
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "max_attempts": 3})
    return boto3.resource("dynamodb", config=config).Table(os.environ[variable])
