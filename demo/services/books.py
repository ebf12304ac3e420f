"""What is left of a run: whether an event was lost or worked on twice, and whether the three services agree."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Books", "Event", "Reader", "read_event"]


@dataclass(frozen=True)
class Event:
    """An event as its service's outbox has it."""

    id: str
    source: str
    type: str
    order: str

    @property
    def identity(self) -> str:
        """What consumers remember it by."""
        return f"{self.source}/{self.id}"


@dataclass(frozen=True)
class Reader:
    """A service as a reader of events.

    Attributes:
        receives: The types that it reacts to.
        handled: The identities of what it has worked on.
    """

    receives: frozenset[str]
    handled: frozenset[str]


@dataclass(frozen=True)
class Books:
    """All tables at one moment.

    Attributes:
        events: Of all outboxes.
        readers: By service.
        orders: By order, the status of the order, and of payment and shipment where there are any.
        stock: By SKU, what is left.
        stocked: By SKU, what arrived.
        quantities: By order, its SKU and how many.
    """

    events: Sequence[Event]
    readers: Mapping[str, Reader]
    orders: Mapping[str, tuple[str, str | None, str | None]]
    stock: Mapping[str, int]
    stocked: Mapping[str, int]
    quantities: Mapping[str, tuple[str, int]]
    _allowed: frozenset[tuple[str, str | None, str | None]] = field(
        default=frozenset(
            {
                ("confirmed", "captured", "prepared"),
                ("cancelled", "refused", None),
                ("cancelled", "refunded", "refused"),
            }
        )
    )

    def unread(self) -> list[str]:
        """Return the events that a service has not worked on, although it receives them."""
        return [
            f"{name}: {event.type} {event.order}"
            for name, reader in self.readers.items()
            for event in self.events
            if event.type in reader.receives and event.identity not in reader.handled
        ]

    def twice(self) -> list[str]:
        """Return which events an order has twice: a service that works on an event once publishes each once."""
        published = Counter((event.order, event.type) for event in self.events)
        return [f"{kind} {order}: {count} times" for (order, kind), count in published.items() if count > 1]

    def unequal(self) -> list[str]:
        """Return the orders about which the services do not agree."""
        return [
            f"{order}: {' '.join(map(str, states))}"
            for order, states in self.orders.items()
            if states not in self._allowed
        ]

    def off(self) -> list[str]:
        """Return the goods that are not accounted for: arrived, minus what was shipped, must be left."""
        shipped: Counter[str] = Counter()
        for order, (_, _, shipment) in self.orders.items():
            if shipment == "prepared":
                sku, quantity = self.quantities[order]
                shipped[sku] += quantity
        return [
            f"{sku}: {arrived} arrived, {shipped[sku]} shipped, {self.stock.get(sku, 0)} left"
            for sku, arrived in self.stocked.items()
            if arrived - shipped[sku] != self.stock.get(sku, 0) or self.stock.get(sku, 0) < 0
        ]

    def missing(self, seen: Iterable[str]) -> list[str]:
        """Return the events that are not among some, by their identities."""
        known = set(seen)
        return [f"{event.type} {event.order}" for event in self.events if event.identity not in known]

    def status(self, orders: Iterable[str]) -> dict[str, int]:
        """Return how many of some orders have which status."""
        return dict(Counter(self.orders[order][0] if order in self.orders else "unknown" for order in orders))


def read_event(item: Mapping[str, Any]) -> Event:
    """Return the event of an item of an outbox."""
    document = json.loads(item["message"])
    return Event(document["id"], document["source"], document["type"], document["subject"])
