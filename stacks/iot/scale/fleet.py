"""A fleet of devices that measure all the time, and the choices that it has."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from cdp_constructs.estimates import DAYS_A_MONTH, MILLION, MINUTES_A_MONTH, quota

__all__ = [
    "CATCH_UP_SECONDS",
    "FOR_A_LARGE_FLEET",
    "GATHER_MINUTES",
    "LARGE_FLEET",
    "MOST_BYTES",
    "UTILISATION",
    "BatchSource",
    "Capacity",
    "Choice",
    "Fleet",
    "kept_bytes",
    "kept_publishes",
    "publish_bytes",
    "publishes",
    "publishes_per_second",
    "shards",
    "writes",
]

# What a device sends at most as one message (`gather_bytes` of its settings): four parts of 5 KB.
MOST_BYTES = 20_000
# How full a shard or a provisioned table is on average, so that a busy minute still fits.
UTILISATION = 0.7


class BatchSource(StrEnum):
    """What fills the batch layer's Firehose."""

    RULE = "rule"
    """An action of the rule puts each publish into it."""
    STREAM = "stream"
    """It reads the stream that the speed layer reads."""


class Capacity(StrEnum):
    """How the speed layer's stream and table are paid for."""

    ON_DEMAND = "on demand"
    PROVISIONED = "provisioned"


@dataclass(frozen=True)
class Fleet:
    """Devices that measure all the time."""

    devices: int = MILLION
    measurements_per_minute: float = 1
    measurement_bytes: int = 200
    """One measurement as JSON, with what the rule adds to it."""

    @property
    def measurements(self) -> float:
        """Measurements a month."""
        return self.devices * self.measurements_per_minute * MINUTES_A_MONTH


@dataclass(frozen=True)
class Choice:
    """What can be chosen. The defaults are those of the reference system."""

    basic_ingest: bool = True
    """Whether devices publish straight to the rule."""
    measurements_per_publish: int = 1
    """How many measurements a device gathers before it publishes them as one message."""
    qos: int = 1
    """0: a message may get lost on its way. 1: it is sent again until AWS IoT has confirmed it."""
    shadow: bool = False
    """Whether each publish also updates the device's shadow."""
    batch_source: BatchSource = BatchSource.RULE
    stream: Capacity = Capacity.ON_DEMAND
    table: Capacity = Capacity.ON_DEMAND
    windows: bool = True
    """Whether each measurement is also added to its window."""
    window_minutes: float = 1
    """How long a window is."""
    crossings_a_day: float = 0
    """How often a device that gathers sends at once, because a threshold is crossed or recovers."""
    catch_up_seconds: float = 0
    """How long devices wait at most, at random, before they send what an outage made late. The shards of the stream
    take what an hour's outage left within that time; 0 leaves them as they are needed on average."""
    milliseconds_per_write: float = 2
    """What the function of the speed layer takes for one write, with several under way at once."""
    records_per_call: int = 500
    function_gigabytes: float = 0.5
    window_days: float = 2
    """How long windows are kept in the table."""


LARGE_FLEET = 50_000
"""From how many devices on `fleet_size` changes what the system does by default."""
CATCH_UP_SECONDS = 180
"""`catch_up_seconds` of the devices' settings."""
GATHER_MINUTES = 10

FOR_A_LARGE_FLEET = Choice(
    batch_source=BatchSource.STREAM,
    stream=Capacity.PROVISIONED,
    windows=False,
    measurements_per_publish=GATHER_MINUTES,
    crossings_a_day=4,
    catch_up_seconds=CATCH_UP_SECONDS,
)
"""What `fleet_size` chooses for a large fleet that measures once a minute."""


def publishes(fleet: Fleet, choice: Choice) -> float:
    """Return the messages that devices publish a month."""
    at_once = fleet.devices * choice.crossings_a_day * DAYS_A_MONTH if choice.measurements_per_publish > 1 else 0
    return fleet.measurements / choice.measurements_per_publish + at_once


def publishes_per_second(fleet: Fleet, choice: Choice) -> float:
    """Return the messages that devices publish in the average second."""
    return publishes(fleet, choice) / MINUTES_A_MONTH / 60


def publish_bytes(fleet: Fleet, choice: Choice) -> int:
    """Return the size of a message that a device publishes."""
    return fleet.measurement_bytes * choice.measurements_per_publish


def shards(fleet: Fleet, choice: Choice) -> int:
    """Return how many shards the stream needs so that they are at most 70 % full in the average second."""
    rate = publishes_per_second(fleet, choice)
    size = rate * publish_bytes(fleet, choice)
    if choice.catch_up_seconds:
        late = fleet.devices / choice.catch_up_seconds
        rate += late * kept_publishes(fleet)
        size += late * kept_bytes(fleet)
    by_records = rate / quota("kinesis.shard_records_a_second").value
    by_bytes = size / quota("kinesis.shard_bytes_a_second").value
    return ceil(max(by_records, by_bytes) / UTILISATION)


def kept_bytes(fleet: Fleet, outage_seconds: float = 3600) -> float:
    """Return what a device keeps during an outage, in bytes."""
    return fleet.measurements_per_minute * outage_seconds / 60 * fleet.measurement_bytes


def kept_publishes(fleet: Fleet, outage_seconds: float = 3600) -> int:
    """Return the messages in which a device that gathers sends what it kept during an outage."""
    return ceil(kept_bytes(fleet, outage_seconds) / MOST_BYTES)


def writes(fleet: Fleet, choice: Choice) -> float:
    """Return the writes of the speed layer's table a month, each up to 1 KB."""
    state = publishes(fleet, choice)
    if not choice.windows:
        return state
    # A message that begins and ends within windows has parts of one more.
    minutes = choice.measurements_per_publish / fleet.measurements_per_minute
    windows = min(choice.measurements_per_publish, minutes / choice.window_minutes + 1)
    return state + fleet.measurements / choice.measurements_per_publish * windows
