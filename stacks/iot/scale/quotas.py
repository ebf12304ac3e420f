"""What telemetry asks of the default quotas of a Region, and how long what a whole fleet does takes."""

from collections.abc import Sequence

from cdp_constructs.estimates import MINUTES_A_MONTH, Quota, default_quota, quota
from stacks.iot.scale.fleet import BatchSource, Choice, Fleet, publishes_per_second, shards, writes

__all__ = [
    "CONNECTS_A_SECOND",
    "PUBLISHES_A_SECOND",
    "REGISTRATIONS_A_SECOND",
    "catch_up_seconds",
    "join_seconds",
    "quotas",
    "reconnect_seconds",
]

CONNECTS_A_SECOND = quota("iot.connects_a_second").value
PUBLISHES_A_SECOND = quota("iot.publishes_a_second").value
REGISTRATIONS_A_SECOND = quota("iot.registrations_a_second").value


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
