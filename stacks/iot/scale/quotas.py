"""What telemetry asks of the default quotas of a Region, and how long what a whole fleet does takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cdp_constructs.estimates import MINUTES_A_MONTH, Quota, default_quota, quota
from stacks.iot.scale.fleet import (
    BatchSource,
    Choice,
    Fleet,
    kept_bytes,
    kept_publishes,
    publish_bytes,
    publishes_per_second,
    shards,
    writes,
)

__all__ = [
    "CONNECTS_A_SECOND",
    "PUBLISHES_A_SECOND",
    "REGISTRATIONS_A_SECOND",
    "Stage",
    "catch_up_seconds",
    "catch_up_stages",
    "join_seconds",
    "quotas",
    "reconnect_seconds",
]

CONNECTS_A_SECOND = quota("iot.connects_a_second").value
PUBLISHES_A_SECOND = quota("iot.publishes_a_second").value
REGISTRATIONS_A_SECOND = quota("iot.registrations_a_second").value
# The longest pause of a device between two tries to connect.
_LONGEST_PAUSE = 60
_NEVER = 24 * 3600


def quotas(fleet: Fleet, choice: Choice) -> Sequence[Quota]:
    """Return the quotas that telemetry runs against."""
    rate = publishes_per_second(fleet, choice)
    found = [
        default_quota("IoT Core: connections at once", "iot.connections", fleet.devices, headroom=1.1),
        default_quota(
            "IoT Core: publishes/s from devices", "iot.publishes_a_second", rate * (2 if choice.shadow else 1)
        ),
        default_quota("IoT Core: rule evaluations/s", "iot.rule_evaluations_a_second", rate),
    ]
    if choice.batch_source is BatchSource.RULE:
        requests = "Firehose: PutRecord requests/s of a stream"
        found.append(default_quota(requests, "firehose.put_records_a_second", rate))
    found += [
        default_quota(
            "DynamoDB: writes/s of a table",
            "dynamodb.table_writes_a_second",
            writes(fleet, choice) / MINUTES_A_MONTH / 60,
        ),
        default_quota("Kinesis: shards", "kinesis.shards", shards(fleet, choice)),
    ]
    return found


def reconnect_seconds(fleet: Fleet, connects_a_second: float = CONNECTS_A_SECOND) -> float:
    """Return how long it takes until all devices are connected again after all connections were lost at once."""
    return fleet.devices / connects_a_second


def join_seconds(fleet: Fleet, registrations_a_second: float = REGISTRATIONS_A_SECOND) -> float:
    """Return how long it takes until all devices have claimed their identities."""
    return fleet.devices / registrations_a_second


def catch_up_seconds(
    fleet: Fleet, choice: Choice, outage_seconds: float, publishes_a_second: float = PUBLISHES_A_SECOND
) -> float:
    """Return how long it takes until what devices kept during an outage has been published, beside what they measure.

    Args:
        fleet: The devices.
        choice: How they publish.
        outage_seconds: How long nothing was taken.
        publishes_a_second: What AWS IoT takes.

    Returns:
        Seconds; infinite when devices publish more than is taken.
    """
    rate = publishes_per_second(fleet, choice)
    spare = publishes_a_second - rate
    return rate * outage_seconds / spare if spare > 0 else float("inf")


@dataclass(frozen=True)
class Stage:
    """A stage that what an outage made late passes, and when it has passed it."""

    name: str
    capacity: float
    """What it takes in a second."""
    unit: str
    peak: float
    """What arrives in the busiest second."""
    seconds: float
    """From the first connection until nothing waits there any more."""


def catch_up_stages(fleet: Fleet, choice: Choice, outage_seconds: float = 3600) -> Sequence[Stage]:
    """Return how a fleet whose devices gather catches up after an outage that ended every connection.

    Devices connect at the default quota, and each waits for a random part of `catch_up_seconds` before it sends what it
    kept, as few messages. What a stage does not take in a second waits in front of it: with the devices, which try
    again, or in the stream. What devices measure meanwhile takes its part of every stage.

    Args:
        fleet: The devices.
        choice: How they publish; with `catch_up_seconds`.
        outage_seconds: How long nothing was taken.
    """
    connecting, waiting = reconnect_seconds(fleet) + _LONGEST_PAUSE, choice.catch_up_seconds
    sent = connecting + waiting

    def share(second: float) -> float:
        """Part of the devices that begin to send in a second: connected evenly, then waiting evenly."""
        first, last = max(0.0, second - waiting), min(second, connecting)
        return max(0.0, last - first) / (connecting * waiting)

    rate = publishes_per_second(fleet, choice)
    messages, size = fleet.devices * kept_publishes(fleet, outage_seconds), kept_bytes(fleet, outage_seconds)
    writes_of_a_message = writes(fleet, choice) / 60 / MINUTES_A_MONTH / rate

    def requests(second: float) -> float:
        return share(second) * messages + rate

    def arriving(second: float) -> float:
        return share(second) * fleet.devices * size + rate * publish_bytes(fleet, choice)

    def written(second: float) -> float:
        return requests(second) * writes_of_a_message

    number = shards(fleet, choice)
    capacity = number * quota("kinesis.shard_bytes_a_second").value
    table = quota("dynamodb.on_demand_writes_a_second").value
    evaluations = quota("iot.rule_evaluations_a_second").value
    return [
        Stage("All are connected", CONNECTS_A_SECOND, "connects/s", CONNECTS_A_SECOND, connecting),
        Stage("All have sent", PUBLISHES_A_SECOND, "publishes/s", *_passed(requests, PUBLISHES_A_SECOND, sent)),
        Stage("The rule has put all", evaluations, "evaluations/s", *_passed(requests, evaluations, sent)),
        Stage(f"{number} shards have all", capacity, "bytes/s", *_passed(arriving, capacity, sent)),
        Stage("A new table on demand has all", table, "writes/s", *_passed(written, table, sent)),
    ]


def _passed(arriving: Callable[[float], float], capacity: float, last: float) -> tuple[float, float]:
    """Return the busiest second, and when nothing waits any more after the last arrived; infinite for never."""
    queue = peak = 0.0
    for second in range(_NEVER):
        now = arriving(second)
        peak = max(peak, now)
        queue = max(0.0, queue + now - capacity)
        if second >= last and not queue:
            return peak, float(second)
    return peak, float("inf")
