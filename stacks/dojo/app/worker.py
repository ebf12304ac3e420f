"""``python -m stacks.dojo.app.worker``: stores the messages of the queue.

In order for each room, each once. A message that nobody can read goes to the dead-letter queue by itself, so that its
room goes on. While the database is away nothing is received, so that no message is used up by waiting.
"""

import asyncio
import logging
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from stacks.dojo.app.fan_out import fan_out_of
from stacks.dojo.app.intake import announce
from stacks.dojo.app.model import Posting
from stacks.dojo.app.ports import FanOut, RefusedError, Store, UnavailableError
from stacks.dojo.app.services import store_of
from stacks.dojo.app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

__all__ = ["Worker", "main"]

_LOG = logging.getLogger(__name__)
_PAUSE = 1.0
_AT_ONCE = 10
_LONGEST_REASON = 1000
_LARGEST_WITH_REASON = 250_000
"""Bytes of a message that leave room for a reason: both together are not larger than what a queue takes."""


@dataclass
class Worker:
    """Works off the queue until it is stopped; the batch that it has is ended first."""

    store: Store
    fan_out: FanOut
    sqs: "SQSClient"
    queue_url: str
    dead_letter_queue_url: str
    wait_seconds: int = 10
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Work until ``stopped`` is set."""
        while not self.stopped.is_set():
            try:
                await self.step()
            except (UnavailableError, BotoCoreError, ClientError) as error:
                _LOG.warning("waiting: %s", error)
                await self._pause()

    async def step(self) -> int:
        """Receive and store a batch, and return how many messages are done.

        Raises:
            UnavailableError: the database does not answer; what was received is visible again.
            BotoCoreError: SQS does not answer.
            ClientError: SQS refused.
        """
        await self.store.lasts([])
        received = await asyncio.to_thread(
            self.sqs.receive_message,
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=_AT_ONCE,
            WaitTimeSeconds=self.wait_seconds,
        )
        waiting = received.get("Messages", [])
        done = 0
        try:
            while waiting:
                await self._store(waiting[0])
                await asyncio.to_thread(
                    self.sqs.delete_message, QueueUrl=self.queue_url, ReceiptHandle=waiting[0]["ReceiptHandle"]
                )
                waiting.pop(0)
                done += 1
        finally:
            await self._give_back(waiting)
        return done

    async def _store(self, received: "MessageTypeDef") -> None:
        try:
            posting = Posting.model_validate_json(received.get("Body", ""))
        except ValidationError as error:
            wrong = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            return await self._set_aside(received, ", ".join(wrong))
        try:
            message = await self.store.add(posting)
        except RefusedError as error:
            return await self._set_aside(received, str(error))
        return await announce(self.fan_out, message)

    async def _set_aside(self, received: "MessageTypeDef", why: str) -> None:
        """Send a message to the dead-letter queue, so that what follows it in its room goes on."""
        # Names of fields are the sender's: SQS takes no control characters, and a line of the log stays one.
        reason = "".join(each if each.isprintable() else "?" for each in why[:_LONGEST_REASON])
        _LOG.error("message %s cannot be stored: %s", received.get("MessageId"), reason)
        body = received.get("Body", "")
        fits = len(body.encode()) <= _LARGEST_WITH_REASON
        await asyncio.to_thread(
            self.sqs.send_message,
            QueueUrl=self.dead_letter_queue_url,
            MessageBody=body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason}} if fits else {},
            MessageGroupId="unreadable",
            MessageDeduplicationId=received["MessageId"],
        )

    async def _give_back(self, waiting: "list[MessageTypeDef]") -> None:
        # The last one first, so that nobody receives a later one of a room before an earlier one.
        for received in reversed(waiting):
            try:
                await asyncio.to_thread(
                    self.sqs.change_message_visibility,
                    QueueUrl=self.queue_url,
                    ReceiptHandle=received["ReceiptHandle"],
                    VisibilityTimeout=0,
                )
            except (BotoCoreError, ClientError):
                _LOG.warning("a message stays invisible until its time is over", exc_info=True)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self.stopped.wait(), _PAUSE)
        except TimeoutError:
            return


async def main() -> None:
    """Work off the queue of the settings until SIGTERM."""
    settings = Settings()
    if settings.queue_url is None or settings.dead_letter_queue_url is None:
        raise SystemExit("A worker needs CHAT_QUEUE_URL and CHAT_DEAD_LETTER_QUEUE_URL")
    store = store_of(settings)
    fan_out = fan_out_of(settings, store)
    worker = Worker(store, fan_out, boto3.client("sqs"), settings.queue_url, settings.dead_letter_queue_url)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.stopped.set)
    while not worker.stopped.is_set():
        try:
            await store.open()
            break
        except UnavailableError as error:
            _LOG.warning("waiting for the store: %s", error)
    await worker.run()
    await store.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(main())
