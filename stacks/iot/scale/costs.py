"""What telemetry uses of AWS in a month, and what it costs by the list prices of us-east-1."""

from collections.abc import Iterator, Mapping
from math import ceil

from cdp_constructs.estimates import HOURS_A_MONTH, MINUTES_A_MONTH, Use
from cdp_constructs.estimates import monthly_cost as cost_of
from stacks.iot.scale.fleet import (
    UTILISATION,
    BatchSource,
    Capacity,
    Choice,
    Fleet,
    publish_bytes,
    publishes,
    shards,
    writes,
)

__all__ = ["monthly_cost", "uses"]

_GIGABYTE = 1024**3
# What is metered: https://aws.amazon.com/iot-core/pricing/additional-details/. Firehose counts in the same parts.
_METERED_BYTES = 5 * 1024
_PUT_PAYLOAD_BYTES = 25 * 1024
# What the function that splits gathered records gets at once, and what it takes for a measurement.
_SPLIT_BYTES = 0.5 * 1024**2
_SPLITTING_SECONDS = 0.000_05
# Parquet with Snappy against the same as JSON; measurements compress well.
_COMPRESSION = 5


def _metered(fleet: Fleet, choice: Choice) -> float:
    """Messages a month as AWS IoT counts them: in parts of 5 KB."""
    return publishes(fleet, choice) * ceil(publish_bytes(fleet, choice) / _METERED_BYTES)


def _stream(fleet: Fleet, choice: Choice) -> Iterator[Use]:
    number, size = publishes(fleet, choice), publish_bytes(fleet, choice)
    part = "Stream"
    if choice.stream is Capacity.PROVISIONED:
        yield Use(part, "kinesis.shard_hours", shards(fleet, choice) * HOURS_A_MONTH)
        yield Use(part, "kinesis.put_payload_units", number * ceil(size / _PUT_PAYLOAD_BYTES))
        return
    # On demand each record counts as full kilobytes on its way in.
    yield Use(part, "kinesis.on_demand_stream_hours", HOURS_A_MONTH)
    yield Use(part, "kinesis.on_demand_gigabytes_in", number * ceil(size / 1024) * 1024 / _GIGABYTE)
    yield Use(part, "kinesis.on_demand_gigabytes_out", number * size / _GIGABYTE)


def _table(part: str, kind: str, number: float, choice: Choice) -> Use:
    """Return writes or consistent reads a month, each of one unit."""
    if choice.table is Capacity.ON_DEMAND:
        return Use(part, f"dynamodb.{kind}s", number)
    units = number / MINUTES_A_MONTH / 60 / UTILISATION
    return Use(part, f"dynamodb.{kind}_unit_hours", units * HOURS_A_MONTH)


def _speed_layer(fleet: Fleet, choice: Choice) -> Iterator[Use]:
    number = writes(fleet, choice)
    seconds = number * choice.milliseconds_per_write / 1000
    yield Use("Speed layer: function", "lambda.requests", publishes(fleet, choice) / choice.records_per_call)
    yield Use("Speed layer: function", "lambda.arm_gigabyte_seconds", seconds * choice.function_gigabytes)
    yield _table("Speed layer: writes", "write", number, choice)
    # What is written is read before, consistently.
    yield _table("Speed layer: reads", "read", number, choice)
    windows = fleet.measurements / 30 * choice.window_days if choice.windows else 0
    stored = (fleet.devices * 1024 + windows * fleet.measurement_bytes) / _GIGABYTE
    yield Use("Speed layer: storage", "dynamodb.gigabyte_months", stored)


def _batch_layer(fleet: Fleet, choice: Choice) -> Iterator[Use]:
    record = ceil(publish_bytes(fleet, choice) / _METERED_BYTES) * _METERED_BYTES
    raw = fleet.measurements * fleet.measurement_bytes / _GIGABYTE
    yield Use("Batch layer: Firehose", "firehose.gigabytes", publishes(fleet, choice) * record / _GIGABYTE)
    yield Use("Batch layer: Firehose", "firehose.converted_gigabytes", raw)
    if choice.measurements_per_publish > 1:
        split = publishes(fleet, choice) * publish_bytes(fleet, choice)
        yield Use("Batch layer: splitting", "lambda.requests", split / _SPLIT_BYTES)
        seconds = fleet.measurements * _SPLITTING_SECONDS
        yield Use("Batch layer: splitting", "lambda.arm_gigabyte_seconds", seconds * choice.function_gigabytes)
    yield Use("Batch layer: a month in S3", "s3.gigabyte_months", raw / _COMPRESSION)


def uses(fleet: Fleet, choice: Choice) -> Iterator[Use]:
    """Return what telemetry uses in a month. Alarms, logs and people's queries are left out."""
    metered = _metered(fleet, choice)
    actions = 2 if choice.batch_source is BatchSource.RULE else 1
    # A shadow is updated by a message through the broker, and the update itself is metered in parts of 1 KB.
    shadow_messages = publishes(fleet, choice) if choice.shadow else 0
    yield Use("Connections", "iot.connection_minutes", fleet.devices * MINUTES_A_MONTH)
    yield Use("Messages", "iot.messages", (0 if choice.basic_ingest else metered) + shadow_messages)
    yield Use("Shadow updates", "iot.shadow_updates", shadow_messages)
    yield Use("Rule", "iot.rules", metered)
    yield Use("Actions", "iot.actions", metered * actions)
    yield from _stream(fleet, choice)
    yield from _speed_layer(fleet, choice)
    yield from _batch_layer(fleet, choice)


def monthly_cost(fleet: Fleet, choice: Choice) -> Mapping[str, float]:
    """Return what telemetry costs in dollars a month, by item."""
    return cost_of(uses(fleet, choice)).parts
