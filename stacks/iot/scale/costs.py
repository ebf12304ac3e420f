"""What telemetry costs: list prices of us-east-1, as of 2026-11. A month has 30 days."""

from collections.abc import Mapping
from math import ceil

from stacks.iot.scale.fleet import (
    HOURS_A_MONTH,
    MILLION,
    MINUTES_A_MONTH,
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

__all__ = ["monthly_cost"]

_BILLION = 1_000_000_000
_GIGABYTE = 1024**3

# https://aws.amazon.com/iot-core/pricing/, and what is metered: https://aws.amazon.com/iot-core/pricing/additional-details/
_METERED_BYTES = 5 * 1024
_MESSAGE_TIERS = ((1 * _BILLION, 1.00), (4 * _BILLION, 0.80), (float("inf"), 0.70))
_CONNECTION_MINUTES = 0.08
_RULES = 0.15
_ACTIONS = 0.15
_SHADOW = 1.25
# https://aws.amazon.com/kinesis/data-streams/pricing/
_SHARD_HOUR = 0.015
_PUT_PAYLOAD_UNITS = 0.014
_PUT_PAYLOAD_BYTES = 25 * 1024
_STREAM_HOUR = 0.04
_STREAM_GB_IN = 0.08
_STREAM_GB_OUT = 0.04
# https://aws.amazon.com/firehose/pricing/: each record counts as full parts of 5 KB.
_FIREHOSE_GB = 0.029
_CONVERSION_GB = 0.018
# https://aws.amazon.com/lambda/pricing/, arm64.
_CALLS = 0.20
_GB_SECOND = 0.0000133334
# https://aws.amazon.com/dynamodb/pricing/
_ON_DEMAND_WRITES = 0.625
_ON_DEMAND_READS = 0.125
_WRITE_UNIT_HOUR = 0.00065
_READ_UNIT_HOUR = 0.00013
_DYNAMODB_GB_MONTH = 0.25
# https://aws.amazon.com/s3/pricing/
_S3_GB_MONTH = 0.023

# Parquet with Snappy against the same as JSON; measurements compress well.
_COMPRESSION = 5


def _metered(fleet: Fleet, choice: Choice) -> float:
    """Messages a month as AWS IoT counts them: in parts of 5 KB."""
    return publishes(fleet, choice) * ceil(publish_bytes(fleet, choice) / _METERED_BYTES)


def _messaging(messages: float) -> float:
    """Return the price of messages: later ones cost less."""
    cost = 0.0
    for size, price in _MESSAGE_TIERS:
        part = min(messages, size)
        cost += part / MILLION * price
        messages -= part
    return cost


def _stream(fleet: Fleet, choice: Choice) -> float:
    number, size = publishes(fleet, choice), publish_bytes(fleet, choice)
    if choice.stream is Capacity.PROVISIONED:
        units = number * ceil(size / _PUT_PAYLOAD_BYTES)
        return shards(fleet, choice) * _SHARD_HOUR * HOURS_A_MONTH + units / MILLION * _PUT_PAYLOAD_UNITS
    # On demand each record counts as full kilobytes on its way in.
    gigabytes_in, gigabytes_out = number * ceil(size / 1024) * 1024 / _GIGABYTE, number * size / _GIGABYTE
    return _STREAM_HOUR * HOURS_A_MONTH + gigabytes_in * _STREAM_GB_IN + gigabytes_out * _STREAM_GB_OUT


def _table(number: float, choice: Choice, on_demand: float, unit_hour: float) -> float:
    """Return the price of writes or consistent reads a month, each of one unit."""
    if choice.table is Capacity.ON_DEMAND:
        return number / MILLION * on_demand
    units = number / MINUTES_A_MONTH / 60 / UTILISATION
    return units * unit_hour * HOURS_A_MONTH


def _table_storage(fleet: Fleet, choice: Choice) -> float:
    windows = fleet.measurements / 30 * choice.window_days if choice.windows else 0
    return (fleet.devices * 1024 + windows * fleet.measurement_bytes) / _GIGABYTE * _DYNAMODB_GB_MONTH


def _function(fleet: Fleet, choice: Choice) -> float:
    calls = publishes(fleet, choice) / choice.records_per_call
    seconds = writes(fleet, choice) * choice.milliseconds_per_write / 1000
    return calls / MILLION * _CALLS + seconds * choice.function_gigabytes * _GB_SECOND


def monthly_cost(fleet: Fleet, choice: Choice) -> Mapping[str, float]:
    """Return what telemetry costs in dollars a month, by item. Alarms, logs and people's queries are left out."""
    metered = _metered(fleet, choice)
    actions = 2 if choice.batch_source is BatchSource.RULE else 1
    record = ceil(publish_bytes(fleet, choice) / _METERED_BYTES) * _METERED_BYTES
    raw = fleet.measurements * fleet.measurement_bytes / _GIGABYTE
    # A shadow is updated by a message through the broker, and the update itself is metered in parts of 1 KB.
    shadow_messages = publishes(fleet, choice) if choice.shadow else 0
    broker = (0 if choice.basic_ingest else metered) + shadow_messages
    stored = raw / _COMPRESSION
    return {
        "Connections": fleet.devices * MINUTES_A_MONTH / MILLION * _CONNECTION_MINUTES,
        "Messages": _messaging(broker),
        "Shadow updates": shadow_messages / MILLION * _SHADOW,
        "Rule": metered / MILLION * _RULES,
        "Actions": metered * actions / MILLION * _ACTIONS,
        "Stream": _stream(fleet, choice),
        "Speed layer: function": _function(fleet, choice),
        "Speed layer: writes": _table(writes(fleet, choice), choice, _ON_DEMAND_WRITES, _WRITE_UNIT_HOUR),
        # What is written is read before, consistently.
        "Speed layer: reads": _table(writes(fleet, choice), choice, _ON_DEMAND_READS, _READ_UNIT_HOUR),
        "Speed layer: storage": _table_storage(fleet, choice),
        "Batch layer: Firehose": publishes(fleet, choice) * record / _GIGABYTE * _FIREHOSE_GB + raw * _CONVERSION_GB,
        "Batch layer: a month in S3": stored * _S3_GB_MONTH,
    }
