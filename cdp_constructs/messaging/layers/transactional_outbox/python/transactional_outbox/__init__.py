"""Writes what changed and the events about it in one transaction, and handles each message once.

An event is an item of the table (``pk`` = ``OUTBOX#<subject>``, ``sk`` = its id), which the table's stream takes to a
topic: it is published if and only if the change was written, within about a second, at least once, and in no order that
consumers may rely on.

    outbox = Outbox(connect())
    placed = Event(id=str(uuid4()), subject=order_id, message=body, attributes={"type": "order.placed"})
    outbox.write([{"Put": {"Item": order}}], events=[placed])

A consumer names the message that it works on: the second delivery changes nothing, and sends nothing.

    if not outbox.write(changes, events=[paid], handled=message_id):
        logger.info("Handled before")
"""

from .connection import connect
from .outbox import HANDLED_DAYS, ConditionFailedError, Event, Outbox

__all__ = ["HANDLED_DAYS", "ConditionFailedError", "Event", "Outbox", "connect"]
