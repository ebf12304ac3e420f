"""What became of what many people said: what of it arrived where, when and how often."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo.chat.live import LiveClient


@dataclass
class Sent:
    """A message that was accepted."""

    message: dict[str, Any]
    at: float
    """``time.monotonic()`` when its author began to send it."""
    author: LiveClient
    taken_in: str
    """The Region that accepted it."""


@dataclass
class Outcome:
    """What became of what was sent."""

    sent: int = 0
    deliveries: int = 0
    lost: int = 0
    """Messages that a member of the room does not have."""
    doubled: int = 0
    """Messages that a member sees twice."""
    renumbered: int = 0
    """Messages that a member sees under another number than their author."""
    reordered: int = 0
    """Members who see a room in another order than the others."""
    inside: list[float] = field(default_factory=list)
    """Seconds from sending to seeing, in the Region of the author, live only."""
    across: list[float] = field(default_factory=list)
    """The same in another Region."""
    caught_up: int = 0
    """Messages that were read, not delivered by the live channel."""

    @property
    def sound(self) -> bool:
        """Whether everybody has everything, once, under its number and in one order."""
        return not (self.lost or self.doubled or self.renumbered or self.reordered)

    def figures(self) -> str:
        """Say in one line what was counted."""
        return (
            f"{self.sent:,} sent, {self.deliveries:,} delivered, {self.lost} lost, {self.doubled} doubled, "
            f"{self.renumbered} renumbered, {self.reordered} reordered; {self.caught_up:,} by catching up"
        )


def compare(rooms: Mapping[str, Sequence[LiveClient]], sent: Mapping[str, Sequence[Sent]]) -> Outcome:
    """Compare what the members of each room see with what was accepted there."""
    result = Outcome(sent=sum(map(len, sent.values())))
    for room, members in rooms.items():
        accepted = {one.message["id"]: one for one in sent[room]}
        orders = [client.shown() for client in members]
        result.reordered += sum(order != orders[0] for order in orders)
        for client in members:
            result.lost += len(accepted.keys() - client.arrivals.keys())
            _add(result, client, accepted)
    return result


def _add(result: Outcome, client: LiveClient, accepted: Mapping[str, Sent]) -> None:
    # Everybody says each text once: the same one under another id is the same message again.
    said = Counter(arrival.message["text"] for arrival in client.arrivals.values())
    result.doubled += sum(count - 1 for count in said.values())
    for identity, arrival in client.arrivals.items():
        sent = accepted.get(identity)
        if sent is None:
            continue
        message = arrival.message
        same = all(message[name] == sent.message[name] for name in ("region", "sequence", "clock", "text"))
        result.renumbered += not same
        if client is sent.author:
            continue
        result.deliveries += 1
        if not arrival.live:
            result.caught_up += 1
            continue
        seconds = arrival.at - sent.at
        (result.inside if client.regions[0] == sent.taken_in else result.across).append(seconds)


def percentile(seconds: Sequence[float], cut: int) -> float:
    """Return a percentile in milliseconds; 0 without values."""
    return 1000 * statistics.quantiles(seconds, n=100)[cut - 1] if len(seconds) > 1 else 0.0


def percentiles(seconds: Sequence[float]) -> str:
    """Say median, 99th percentile and maximum in milliseconds."""
    if len(seconds) < 2:
        return "none"
    middle, high, most = percentile(seconds, 50), percentile(seconds, 99), 1000 * max(seconds)
    return f"median {middle:,.0f} ms, p99 {high:,.0f} ms, most {most:,.0f} ms"
