"""A fleet of devices that measure all the time, and the choices that it has."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from cdp_constructs.estimates import MILLION, MINUTES_A_MONTH, quota

__all__ = [
    "UTILISATION",
    "BatchSource",
    "Capacity",
    "Choice",
    "Fleet",
    "publish_bytes",
    "publishes",
    "publishes_per_second",
    "shards",
    "writes",
]

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
    """Whether each measurement is also added to its one-minute window."""
    milliseconds_per_write: float = 2
    """What the function of the speed layer takes for one write, with several under way at once."""
    records_per_call: int = 500
    function_gigabytes: float = 0.5
    window_days: float = 2
    """How long windows are kept in the table."""


def publishes(fleet: Fleet, choice: Choice) -> float:
    """Return the messages that devices publish a month."""
    return fleet.measurements / choice.measurements_per_publish


def publishes_per_second(fleet: Fleet, choice: Choice) -> float:
    """Return the messages that devices publish in the average second."""
    return publishes(fleet, choice) / MINUTES_A_MONTH / 60


def publish_bytes(fleet: Fleet, choice: Choice) -> int:
    """Return the size of a message that a device publishes."""
    return fleet.measurement_bytes * choice.measurements_per_publish


def shards(fleet: Fleet, choice: Choice) -> int:
    """Return how many shards the stream needs so that they are at most 70 % full in the average second."""
    rate = publishes_per_second(fleet, choice)
    by_records = rate / quota("kinesis.shard_records_a_second").value
    by_bytes = rate * publish_bytes(fleet, choice) / quota("kinesis.shard_bytes_a_second").value
    return ceil(max(by_records, by_bytes) / UTILISATION)


def writes(fleet: Fleet, choice: Choice) -> float:
    """Return the writes of the speed layer's table a month, each up to 1 KB."""
    state = publishes(fleet, choice)
    return state + (fleet.measurements if choice.windows else 0)
