"""Takes an order: the order and the event that tells of it are written in one transaction."""

import json
from typing import Any
from uuid import uuid4

from transactional_outbox import ConditionFailedError, Event, Outbox, connect

outbox = Outbox(connect())


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Place an order once, however often the caller tries."""
    number, total = str(event["number"]), int(event["total"])
    order = {"pk": f"ORDER#{number}", "sk": "ORDER", "total": total, "status": "pending"}
    placed = Event(
        id=str(uuid4()),
        subject=number,
        message=json.dumps({"order": number, "total": total}),
        attributes={"type": "order.placed"},
    )
    try:
        outbox.write([{"Put": {"Item": order, "ConditionExpression": "attribute_not_exists(pk)"}}], events=[placed])
    except ConditionFailedError:
        return {"number": number, "status": "placed before"}
    return {"number": number, "status": "placed"}
