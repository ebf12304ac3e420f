"""The way of one item: its log lines in order, and the places where it stopped."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdp_constructs.operations.dead_letters.queues import dead_letter_queues
from cdp_constructs.operations.deployed.stacks import DeployedStack
from cdp_constructs.operations.trace.log_search import Line, Place, lines_with
from cdp_constructs.operations.trace.next_hops import Hop, hops_after

__all__ = ["Stop", "Way", "follow"]

_MOST_DEAD_LETTERS = 100
# Consumers gather a batch for so long, and CloudWatch shows a line some seconds later.
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Stop:
    """A place from which the item did not go on.

    Attributes:
        region: Its Region.
        name: Its logical id without the CDK's hash.
        reason: What is known about it, in one line.
    """

    region: str
    name: str
    reason: str


@dataclass(frozen=True)
class Way:
    """The way of one item.

    Attributes:
        lines: What functions have logged about it, the oldest first.
        stops: Where it stopped.
        pending: Which functions have not logged anything about it yet, and are expected to within a minute.
    """

    lines: Sequence[Line]
    stops: Sequence[Stop]
    pending: Sequence[Stop]

    def places(self) -> list[str]:
        """Return the names of the functions that it went through, in order."""
        return list(dict.fromkeys(line.place.name for line in self.lines))


def follow(stacks: Sequence[DeployedStack], identity: str, *, since: float) -> Way:
    """Return the way of an item through some stacks.

    Args:
        stacks: In any Regions.
        identity: Its correlation id.
        since: The earliest time, in seconds since 1970.
    """
    lines = lines_with(stacks, identity, since=since)
    dead = list(_dead_letters(stacks, identity))
    missing = list(_missing(stacks, lines))
    is_young = bool(lines) and time.time() - lines[-1].time < _PATIENCE_SECONDS
    stops = [*_failures(lines), *dead]
    return Way(lines, stops if is_young else [*stops, *missing], missing if is_young else [])


def _by_place(lines: Sequence[Line]) -> Mapping[tuple[str, str], list[Line]]:
    found: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        found.setdefault(line.place.key, []).append(line)
    return found


def _failures(lines: Sequence[Line]) -> Iterator[Stop]:
    """Find the functions whose last word about the item is an error."""
    for of_place in _by_place(lines).values():
        last = of_place[-1]
        if last.is_error:
            tries = sum(line.is_error for line in of_place)
            yield Stop(last.place.region, last.place.name, f"failed {tries} times: {reason_of(last.fields)}")


def reason_of(fields: Mapping[str, Any]) -> str:
    """Return what a line says of a failure, in one line."""
    exception = str(fields.get("exception") or "").strip().splitlines()
    return exception[-1] if exception else str(fields.get("message", "an error"))


def _dead_letters(stacks: Sequence[DeployedStack], identity: str) -> Iterator[Stop]:
    for stack in stacks:
        for queue in dead_letter_queues(stack):
            visible, _hidden = queue.messages.count()
            if not visible:
                continue
            for message in queue.messages.peek(_MOST_DEAD_LETTERS):
                carried = f"{message.body}{[message.text(name) for name in message.attributes]}"
                if identity in carried:
                    after = f", after {consumer.name}" if (consumer := queue.consumer) else ""
                    yield Stop(stack.region, queue.name, f"keeps it as message {message.id}{after}")


def _missing(stacks: Sequence[DeployedStack], lines: Sequence[Line]) -> Iterator[Stop]:
    """Find the functions that should have had it, and have logged nothing about it."""
    functions = {
        place.key: place
        for stack in stacks
        for place in (Place(stack, item) for item in stack.of_type("AWS::Lambda::Function"))
    }
    known = _by_place(lines)
    found: dict[tuple[str, str], Stop] = {}
    for key, of_place in known.items():
        # Who failed has sent nothing on.
        if of_place[-1].is_error:
            continue
        sender = of_place[-1].place
        for hop in hops_after(sender, [line.fields for line in of_place], functions):
            if hop.place.key in known or hop.place.key in found:
                continue
            waiting = _waiting(hop)
            # It may have been left out on purpose, unless something waits, or nothing at all came after the sender.
            if hop.is_certain or waiting or (hop.queue is None and key == lines[-1].place.key):
                reason = f"has logged nothing about it; {sender.name} sent it to {hop.through}"
                more = f"; {waiting} messages wait in its queue" if hop.queue else ""
                found[hop.place.key] = Stop(hop.place.region, hop.place.name, reason + more)
    yield from found.values()


def _waiting(hop: Hop) -> int:
    """Return how many messages are in the queue before a function, about; 0 where there is none."""
    if hop.queue is None:
        return 0
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = hop.place.stack.client("sqs").get_queue_attributes(QueueUrl=hop.queue, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)
