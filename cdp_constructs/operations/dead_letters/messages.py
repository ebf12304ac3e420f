"""The messages of a dead-letter queue: read without taking them away, and one of them removed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Message", "MessageQueue"]

_MOST_RECEIVED = 10
# Who reads is done with a message by then; who is killed while reading hides it no longer than this.
_HIDDEN_SECONDS = 15
_HIDDEN_SECONDS_FOR_ALL = 120
_FEW = 100


@dataclass(frozen=True)
class Message:
    """A message that failed.

    Attributes:
        id: Its id, which consumers log as ``message_id``.
        body: Its text.
        attributes: What its publisher said beside the text, by name.
        system: What SQS knows about it.
        receipt: What it is deleted by, while it is hidden.
    """

    id: str
    body: str
    attributes: Mapping[str, Mapping[str, Any]]
    system: Mapping[str, str]
    receipt: str

    @property
    def sent(self) -> float:
        """When it was sent first, in seconds since 1970."""
        return int(self.system.get("SentTimestamp", 0)) / 1000

    @property
    def receives(self) -> int:
        """How often it was received, this time included."""
        return int(self.system.get("ApproximateReceiveCount", 0))

    def text(self, attribute: str) -> str | None:
        """Return the text of an attribute, None where it has none."""
        return self.attributes.get(attribute, {}).get("StringValue")


class MessageQueue:
    """A queue by its address.

    Args:
        sqs: A client of its Region.
        url: Its address.
    """

    def __init__(self, sqs: Any, url: str) -> None:
        self.sqs = sqs
        self.url = url

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps order within groups. Only the first ten messages of a group can then be looked at."""
        return self.url.endswith(".fifo")

    def count(self) -> tuple[int, int]:
        """Return how many messages wait, and how many are hidden because somebody reads them; about."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def peek(self, limit: int | None = None) -> list[Message]:
        """Return messages, the oldest first as far as SQS tells, and leave them where they are.

        Args:
            limit: The most that are read; by default all.
        """
        messages: dict[str, Message] = {}
        hidden = _HIDDEN_SECONDS if limit is not None and limit <= _FEW else _HIDDEN_SECONDS_FOR_ALL
        try:
            for answer in self._receive(hidden, limit):
                known = len(messages)
                messages |= {message.id: message for message in answer}
                # Those that come again were hidden for too short a time: all have been read.
                if len(messages) == known:
                    break
        finally:
            self._show_again(list(messages.values()))
        return sorted(messages.values(), key=lambda message: message.sent)

    def take(self, ids: Sequence[str], use: Callable[[Message], None]) -> set[str]:
        """Give some messages to a function and then delete them; the others stay.

        Args:
            ids: Message ids.
            use: Gets each; one for which it raises stays in the queue.

        Returns:
            The ids that were found.
        """
        found: set[str] = set()
        others: dict[str, Message] = {}
        try:
            for answer in self._receive(_HIDDEN_SECONDS_FOR_ALL):
                known = len(others)
                others |= {message.id: message for message in answer}
                wanted = [message for message in answer if message.id in ids]
                for message in wanted:
                    use(message)
                    self.delete(message)
                    found.add(others.pop(message.id).id)
                if len(found) == len(set(ids)) or (not wanted and len(others) == known):
                    break
        finally:
            self._show_again(list(others.values()))
        return found

    def take_all(self, use: Callable[[Message], None], *, at_most: int) -> int:
        """Give each message to a function and then delete it, until the queue is empty.

        Args:
            use: Gets each; when it raises, the message stays in the queue and the rest is not read.
            at_most: How many; those that come back because they fail again are left.
        """
        taken = 0
        waiting: list[Message] = []
        try:
            while taken < at_most and (waiting := next(self._receive(_HIDDEN_SECONDS_FOR_ALL, _MOST_RECEIVED), [])):
                while waiting and taken < at_most:
                    use(waiting[0])
                    self.delete(waiting.pop(0))
                    taken += 1
        finally:
            self._show_again(waiting)
        return taken

    def delete(self, message: Message) -> None:
        """Delete a message that was just received."""
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)

    def send(self, message: Message) -> None:
        """Send a copy of a message of another queue to this one, in its group where there are groups."""
        order = {}
        if self.is_fifo:
            # Its own deduplication id may still be known to the queue, which would drop it.
            order = {
                "MessageGroupId": message.system.get("MessageGroupId", "replay"),
                "MessageDeduplicationId": message.id,
            }
        attributes = {name: dict(value) for name, value in message.attributes.items()}
        self.sqs.send_message(QueueUrl=self.url, MessageBody=message.body, MessageAttributes=attributes, **order)

    def _receive(self, hidden: int, limit: int | None = None) -> Iterator[list[Message]]:
        # An answer as a whole: who stops in the middle of one would leave the rest of it hidden.
        received = 0
        while limit is None or received < limit:
            answer = self.sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=_MOST_RECEIVED if limit is None else min(_MOST_RECEIVED, limit - received),
                VisibilityTimeout=hidden,
                WaitTimeSeconds=1,  # asks all servers of SQS, so that an empty answer means an empty queue
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            if not answer.get("Messages"):
                return
            received += len(answer["Messages"])
            yield [
                Message(
                    item["MessageId"],
                    item["Body"],
                    item.get("MessageAttributes", {}),
                    item.get("Attributes", {}),
                    item["ReceiptHandle"],
                )
                for item in answer["Messages"]
            ]

    def _show_again(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), _MOST_RECEIVED):
            entries = [
                {"Id": str(at), "ReceiptHandle": message.receipt, "VisibilityTimeout": 0}
                for at, message in enumerate(messages[start : start + _MOST_RECEIVED])
            ]
            self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
