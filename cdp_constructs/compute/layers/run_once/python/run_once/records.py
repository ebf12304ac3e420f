"""The records of what is in progress and what is done, in the table of the pattern."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

__all__ = ["Environment", "Records", "count", "records"]

logger = Logger()
# The ten tries that are usual of DynamoDB take up to 25 seconds, more than most functions have; five take one.
_PATIENCE = Config(retries={"total_max_attempts": 5}, connect_timeout=1, read_timeout=2)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What the pattern says by environment variables."""

    table: str
    prefix: str
    """Begins the keys of all records of one pattern."""
    expires_after_seconds: int
    namespace: str
    """Of the metrics."""

    @classmethod
    @cache
    def read(cls) -> Self:
        """Read the variables."""
        return cls(
            table=os.environ["RUN_ONCE_TABLE"],
            prefix=os.environ["RUN_ONCE_PREFIX"],
            expires_after_seconds=int(os.environ["RUN_ONCE_EXPIRES_AFTER_S"]),
            namespace=os.environ["RUN_ONCE_METRICS_NAMESPACE"],
        )


class Records(DynamoDBPersistenceLayer):
    """Keeps records; work that is done ends well although its result could not be saved."""

    def save_success(self, data: dict[str, Any], result: Any) -> None:
        """Save the result of what was done.

        An error here would fail an invocation whose work is done: its retry would do the work a second time for sure,
        while a request that comes twice by itself is rare. The line of the log raises an alarm.
        """
        try:
            super().save_success(data=data, result=result)
        except (BotoCoreError, ClientError):
            logger.exception("Done, but the result was not saved: the same request would be worked on again", once=data)


@cache
def records() -> tuple[Records, IdempotencyConfig]:
    """Return the table's records, and how Powertools uses them."""
    environment = Environment.read()
    config = IdempotencyConfig(
        event_key_jmespath="id",
        payload_validation_jmespath="validated",
        raise_on_no_idempotency_key=True,
        expires_after_seconds=environment.expires_after_seconds,
        hash_function="sha256",
        response_hook=_repeated,
    )
    store = Records(table_name=environment.table, expiry_attr="expires_at", boto_config=_PATIENCE)
    store.configure(config=config, key_prefix=environment.prefix)
    return store, config


def count(name: str) -> None:
    """Publish that something happened once."""
    dimensions = {"function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""), "service": "run_once"}
    namespace = Environment.read().namespace
    with single_metric(name=name, unit=MetricUnit.Count, value=1, namespace=namespace, default_dimensions=dimensions):
        pass


def _repeated(result: Any, record: DataRecord) -> Any:
    logger.info("Done before: its result is returned", record=record.idempotency_key)
    count("RepeatedRequests")
    return result
