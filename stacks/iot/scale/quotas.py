"""What telemetry asks of the default quotas of a Region (2026-11), and how long what a whole fleet does takes."""

from collections.abc import Sequence

from stacks.iot.scale.fleet import MINUTES_A_MONTH, BatchSource, Choice, Fleet, publishes_per_second, shards, writes
from stacks.scale import Quota

__all__ = [
    "CONNECTS_A_SECOND",
    "PUBLISHES_A_SECOND",
    "REGISTRATIONS_A_SECOND",
    "catch_up_seconds",
    "join_seconds",
    "quotas",
    "reconnect_seconds",
]

# https://docs.aws.amazon.com/general/latest/gr/iot-core.html
_CONNECTIONS = 500_000
CONNECTS_A_SECOND = 3_000
PUBLISHES_A_SECOND = 20_000
_EVALUATIONS_A_SECOND = 20_000
REGISTRATIONS_A_SECOND = 10
# https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html
_FIREHOSE_REQUESTS_A_SECOND = 2_000
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
_TABLE_WRITES_A_SECOND = 40_000
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html (us-east-1, us-west-2, eu-west-1)
_SHARDS = 20_000


def quotas(fleet: Fleet, choice: Choice) -> Sequence[Quota]:
    """Return the quotas that telemetry runs against."""
    rate = publishes_per_second(fleet, choice)
    found = [
        Quota("IoT Core: connections at once", fleet.devices, _CONNECTIONS, headroom=1.1),
        Quota("IoT Core: publishes/s from devices", rate * (2 if choice.shadow else 1), PUBLISHES_A_SECOND),
        Quota("IoT Core: rule evaluations/s", rate, _EVALUATIONS_A_SECOND),
    ]
    if choice.batch_source is BatchSource.RULE:
        found.append(Quota("Firehose: PutRecord requests/s of a stream", rate, _FIREHOSE_REQUESTS_A_SECOND))
    found += [
        Quota("DynamoDB: writes/s of a table", writes(fleet, choice) / MINUTES_A_MONTH / 60, _TABLE_WRITES_A_SECOND),
        Quota("Kinesis: shards", shards(fleet, choice), _SHARDS),
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
