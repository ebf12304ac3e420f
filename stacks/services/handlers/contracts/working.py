"""How a service works on an event: what changes, and what it publishes, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from correlation import TRACEPARENT, about
from transactional_outbox import ConditionFailedError, Event, Outbox

from .envelope import Envelope
from .events import Data

__all__ = ["Decision", "Rule", "Service", "each_message", "outgoing"]


@dataclass(frozen=True)
class Decision:
    """What a service does about an event.

    Attributes:
        changes: Of its items, with their conditions.
        event: What it publishes; None for nothing.
        otherwise: What it does where a condition does not hold; None for nothing: it was done or overtaken.
    """

    changes: tuple[Mapping[str, Any], ...]
    event: Data | None = None
    otherwise: "Decision | None" = None


Rule = Callable[[Any], Decision]
"""Decides about the data of one type of events."""


def outgoing(data: Data, *, traceparent: str | None) -> Event:
    """Return an event for the outbox; subscribers filter by its type."""
    envelope = Envelope.of(data, subject=data.order, traceparent=traceparent)
    attributes = {"type": envelope.type, **({TRACEPARENT: traceparent} if traceparent else {})}
    return Event(id=envelope.id, subject=envelope.subject, message=envelope.to_json(), attributes=attributes)


class Service:
    """Works on the events that a service receives, each once."""

    def __init__(self, outbox: Outbox, rules: Mapping[type[Data], Rule], logger: Logger) -> None:
        """Decide by rules.

        Args:
            outbox: Of the service.
            rules: By the data's class.
            logger: The function's own.
        """
        self._outbox = outbox
        self._rules = rules
        self._logger = logger

    def work(self, record: SQSRecord) -> None:
        """Work on a message.

        Raises:
            Exception: what is no event of this service, or another writer was at the same items; it is delivered again.
        """
        event = Envelope.read(record.body)
        with about(self._logger, event.traceparent):
            decision: Decision | None = self._rules[type(event.data)](event.data)
            while decision is not None:
                events = [] if decision.event is None else [outgoing(decision.event, traceparent=event.traceparent)]
                try:
                    first = self._outbox.write(decision.changes, events=events, handled=event.identity)
                except ConditionFailedError:
                    decision = decision.otherwise
                    continue
                published = decision.event and decision.event.TYPE
                self._logger.info("Done" if first else "Handled before", about=event.type, published=published)
                return
            self._outbox.write([], handled=event.identity)
            self._logger.info("Nothing to do", about=event.type)


def each_message(work: Callable[[SQSRecord], None], logger: Logger) -> Callable[[dict[str, Any], LambdaContext], Any]:
    """Return the handler of a function that works on each message of a batch by itself.

    Args:
        work: Raises what fails the message.
        logger: The function's own.
    """
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    @logger.inject_lambda_context
    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        return process_partial_response(event=event, record_handler=work, processor=processor, context=context)

    return handler
