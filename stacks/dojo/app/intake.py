"""Where a message goes first."""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from stacks.dojo.app.model import Message, Posting
from stacks.dojo.app.ports import FanOut, Store, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

__all__ = ["DatabaseIntake", "QueueIntake", "announce"]

_LOG = logging.getLogger(__name__)


async def announce(fan_out: FanOut, message: Message) -> None:
    """Tell the servers of a message; when that fails they find it by themselves, a moment later."""
    try:
        await fan_out.announce(message)
    except Exception:  # noqa: BLE001 - the message is stored, whatever failed here
        _LOG.warning("a message was not announced", exc_info=True)


@dataclass(frozen=True)
class DatabaseIntake:
    """Stores a message at once."""

    store: Store
    fan_out: FanOut

    async def post(self, posting: Posting) -> Message:
        """Store a message."""
        message = await self.store.add(posting)
        await announce(self.fan_out, message)
        return message


@dataclass(frozen=True)
class QueueIntake:
    """Sends a message to a FIFO queue: in order for each room, and once within five minutes."""

    sqs: "SQSClient"
    queue_url: str

    async def post(self, posting: Posting) -> None:
        """Accept a message."""
        try:
            await asyncio.to_thread(
                self.sqs.send_message,
                QueueUrl=self.queue_url,
                MessageBody=posting.model_dump_json(),
                MessageGroupId=posting.room,
                MessageDeduplicationId=f"{posting.author}:{posting.id}",
            )
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("queue") from error
