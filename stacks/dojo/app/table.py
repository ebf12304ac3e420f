"""Requests to a DynamoDB table that outlive a moment in which it does not answer."""

import asyncio
import functools
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stacks.dojo.app.ports import RefusedError, UnavailableError
from stacks.dojo.app.settings import Settings

__all__ = ["Table"]

_LOG = logging.getLogger(__name__)
_AT_ONCE = 32
_MOST_READ, _MOST_WRITTEN = 100, 25
"""Items of a batch, at most."""
_LONGEST_WAIT = 2.0
# What DynamoDB says of a request, and not of the moment: that a role or a table is not there (yet) may pass.
_OF_THE_REQUEST = {"ConditionalCheckFailedException", "TransactionCanceledException"}
_WRONG = "ValidationException"


class _Waiting:
    """Waits between attempts, longer each time, until patience ends."""

    def __init__(self, patience: float) -> None:
        self._until, self._wait = time.monotonic() + patience, 0.05

    async def again(self, failure: str) -> None:
        """Wait before the next attempt.

        Raises:
            UnavailableError: there is no time for one.
        """
        if time.monotonic() + self._wait > self._until:
            raise UnavailableError(f"table ({failure})")
        _LOG.info("the table did not answer (%s), trying again", failure)
        await asyncio.sleep(self._wait)
        self._wait = min(self._wait * 2, _LONGEST_WAIT)


class Table:
    """A table, in any Region.

    Args:
        settings: Its name, and how long it is waited for.
        region: Where it is, or its replica. Default: where the server is.
    """

    def __init__(self, settings: Settings, region: str | None = None) -> None:
        self.name = str(settings.table)
        self.patience = settings.database_patience
        # Retries are counted here, where their end is a time.
        once = Config(
            retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=3, max_pool_connections=_AT_ONCE
        )
        # The client of a resource takes and gives values of Python.
        self._client = boto3.resource("dynamodb", region_name=region, config=once).meta.client
        # Of its own: to another continent a request waits long, and does nothing.
        self._threads = ThreadPoolExecutor(_AT_ONCE, "table")

    def close(self) -> None:
        """End what waits."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def ask(self, operation: str, /, **request: Any) -> dict[str, Any]:
        """Return what DynamoDB answers; a request is sent again for a while when it does not.

        Args:
            operation: A method of boto3's client. What it does may be done twice.
            request: Its arguments.

        Raises:
            ClientError: a condition does not hold.
            RefusedError: the table will never take it.
            UnavailableError: each attempt failed.
        """
        waiting = _Waiting(self.patience)
        send = functools.partial(getattr(self._client, operation), **request)
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, send)
            except ClientError as error:
                failure = error.response["Error"]["Code"]
                if failure in _OF_THE_REQUEST:
                    raise
                if failure == _WRONG:
                    raise RefusedError(str(error)) from error
            except BotoCoreError as error:
                failure = type(error).__name__
            await waiting.again(failure)

    async def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        """Return an item as it is now."""
        found = await self.ask("get_item", TableName=self.name, Key={"pk": pk, "sk": sk}, ConsistentRead=True)
        return found.get("Item")

    async def get_many(self, keys: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Return the items that are there, in any order, as they were a moment ago."""
        found: list[dict[str, Any]] = []
        left = [{"pk": pk, "sk": sk} for pk, sk in keys]
        waiting = _Waiting(self.patience)
        while left:
            some, left = left[:_MOST_READ], left[_MOST_READ:]
            answer = await self.ask("batch_get_item", RequestItems={self.name: {"Keys": some}})
            found += answer["Responses"].get(self.name, [])
            if unprocessed := answer.get("UnprocessedKeys", {}).get(self.name, {"Keys": []})["Keys"]:
                left += unprocessed
                await waiting.again("throttled")
        return found

    async def query(self, limit: int, values: dict[str, Any], condition: str, **options: Any) -> list[dict[str, Any]]:
        """Return items at most ``limit``, page by page: one has a megabyte.

        Args:
            limit: How many.
            values: Of the condition, by their names in it.
            condition: Of the keys.
            options: Of the request.
        """
        found: list[dict[str, Any]] = []
        request = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            **options,
        }
        while len(found) < limit:
            page = await self.ask("query", **request, Limit=limit - len(found))
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return found

    async def write(self, *, put: Sequence[dict[str, Any]] = (), delete: Sequence[tuple[str, str]] = ()) -> None:
        """Write items, each for itself."""
        left: list[dict[str, Any]] = [
            *({"PutRequest": {"Item": item}} for item in put),
            *({"DeleteRequest": {"Key": {"pk": pk, "sk": sk}}} for pk, sk in delete),
        ]
        waiting = _Waiting(self.patience)
        while left:
            some, left = left[:_MOST_WRITTEN], left[_MOST_WRITTEN:]
            answer = await self.ask("batch_write_item", RequestItems={self.name: some})
            if unprocessed := answer.get("UnprocessedItems", {}).get(self.name, []):
                left += unprocessed
                await waiting.again("throttled")
