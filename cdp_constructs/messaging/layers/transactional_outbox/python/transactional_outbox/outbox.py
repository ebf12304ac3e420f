"""Changes and events in one transaction."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .sizes import MOST_ATTRIBUTES, MOST_BYTES, size_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

__all__ = ["HANDLED_DAYS", "ConditionFailedError", "Event", "Outbox"]

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_MOST_ITEMS = 100
# https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
_ATTRIBUTE = re.compile(r"(?!(?i:aws|amazon)\.)[\w-]+(?:\.[\w-]+)*", re.ASCII)
_LONGEST_NAME = 256
_DAY = 24 * 3600
_EVENT_DAYS = 7
HANDLED_DAYS = 90
"""How long a message is remembered. SNS tries for 23 days, and the dead-letter queue of the subscription keeps it 14
more. Replayed, it is 14 days in the queue and its dead-letter queue together, and 14 more each time it is sent back."""


class ConditionFailedError(Exception):
    """A condition of a change does not hold, and nothing was written.

    Attributes:
        positions: Which of the changes, counted from 0.
    """

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__(f"the condition of change {', '.join(map(str, positions))} does not hold")
        self.positions = tuple(positions)


@dataclass(frozen=True, kw_only=True)
class Event:
    """What is published about a change.

    Attributes:
        id: Names the event; consumers know a repetition by it.
        subject: What it is about, such as the number of an order: events of one subject are next to each other in the
            table.
        message: The body of the message.
        attributes: Message attributes, all of them text, by which subscribers filter; at most ten reach a queue.
    """

    id: str
    subject: str
    message: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what could never be published.

        Raises:
            ValueError: for an empty text, a name that attributes cannot have, and for more than SNS (256 KB) or a queue
                (ten attributes) takes.
        """
        for name in ("id", "subject", "message"):
            if not getattr(self, name):
                raise ValueError(f"{name} of an event is empty")
        if not all(name and value for name, value in self.attributes.items()):
            raise ValueError(f"an attribute of event {self.id} is empty: leave it out")
        for name in self.attributes:
            if not _ATTRIBUTE.fullmatch(name) or len(name) > _LONGEST_NAME:
                raise ValueError(f"attribute {name[:_LONGEST_NAME]!r} of event {self.id} has a name that SNS refuses")
        if len(self.attributes) > MOST_ATTRIBUTES:
            raise ValueError(f"event {self.id} has {len(self.attributes)} attributes; a queue takes {MOST_ATTRIBUTES}")
        size = size_of(self.message, self.attributes)
        if size > MOST_BYTES:
            raise ValueError(f"event {self.id} has {size} bytes, and SNS takes {MOST_BYTES}: send a reference")


class Outbox:
    """The outbox of a service, in the service's own table."""

    def __init__(self, table: "Table", *, clock: Callable[[], float] = time.time) -> None:
        """Use a table.

        Args:
            table: The table, such as ``connect()``.
            clock: Epoch seconds.
        """
        self._table = table
        self._clock = clock

    def write(
        self, changes: Sequence[Mapping[str, Any]], *, events: Sequence[Event] = (), handled: str | None = None
    ) -> bool:
        """Write changes and events, all or nothing.

        Args:
            changes: ``Put``, ``Update``, ``Delete`` and ``ConditionCheck`` of ``TransactWriteItems``, without
                ``TableName``.
            events: Are published once the changes are there.
            handled: Names the message that caused all this; each is handled once.

        Returns:
            Whether it was written: False when that message was handled before.

        Raises:
            ConditionFailedError: a condition of a change does not hold.
            ValueError: for nothing to write, or more than DynamoDB takes in one transaction (100 items).
            botocore.exceptions.ClientError: DynamoDB refused, or another writer was at the same items: try again.
        """
        now = int(self._clock())
        items = [dict(change) for change in changes]
        items += [{"Put": {"Item": self._outgoing(event, now)}} for event in events]
        if handled is not None:
            items.append({"Put": {"Item": self._incoming(handled, now), "ConditionExpression": _IS_NEW}})
        if not 0 < len(items) <= _MOST_ITEMS:
            raise ValueError(f"a transaction has {len(items)} items; DynamoDB takes 1 to {_MOST_ITEMS}")
        request: Any = [
            {kind: {**asked, "TableName": self._table.name} for kind, asked in item.items()} for item in items
        ]
        try:
            self._table.meta.client.transact_write_items(TransactItems=request)
        except ClientError as error:
            failed = _failed_conditions(error)
            if handled is not None and len(items) - 1 in failed:
                return False
            if failed:
                raise ConditionFailedError(failed) from error
            raise
        return True

    @staticmethod
    def _outgoing(event: Event, now: int) -> dict[str, Any]:
        return {
            "pk": f"OUTBOX#{event.subject}",
            "sk": event.id,
            "message": event.message,
            "attributes": dict(event.attributes),
            "expires_at": now + _EVENT_DAYS * _DAY,
        }

    @staticmethod
    def _incoming(message: str, now: int) -> dict[str, Any]:
        return {"pk": f"INBOX#{message}", "sk": "HANDLED", "expires_at": now + HANDLED_DAYS * _DAY}


_IS_NEW = "attribute_not_exists(pk)"


def _failed_conditions(error: ClientError) -> list[int]:
    """Return the positions of items whose condition does not hold, if nothing else was in the way."""
    reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    codes = [reason.get("Code", "None") for reason in reasons]
    if set(codes) - {"None", "ConditionalCheckFailed"}:
        return []
    return [position for position, code in enumerate(codes) if code == "ConditionalCheckFailed"]
