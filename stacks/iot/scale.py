"""What a million devices ask of AWS and what each choice costs: the arithmetic of ``docs/systems/iot-scale.md``.

``python -m stacks.iot.scale`` writes its tables into that page. The module imports nothing of the CDK, so that a
notebook or a test can use it: ``monthly_cost(Fleet(devices=50_000), Choice())``.

Prices are list prices of us-east-1, quotas the default ones of a Region; both as of 2026-11. A month has 30 days.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from pathlib import Path

__all__ = [
    "PAGE",
    "BatchSource",
    "Capacity",
    "Choice",
    "Fleet",
    "Quota",
    "catch_up_seconds",
    "join_seconds",
    "monthly_cost",
    "page_with_tables",
    "quotas",
    "reconnect_seconds",
]

PAGE = Path(__file__).parents[2] / "docs" / "systems" / "iot-scale.md"

_MILLION = 1_000_000
_BILLION = 1_000_000_000
_GIGABYTE = 1024**3
_MINUTES_A_MONTH = 30 * 24 * 60
_HOURS_A_MONTH = 30 * 24

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

# How full a shard or a provisioned table is on average, so that a busy minute still fits.
_UTILISATION = 0.7
_SHARD_RECORDS_A_SECOND = 1_000
_SHARD_BYTES_A_SECOND = 1024**2
# Parquet with Snappy against the same as JSON; measurements compress well.
_COMPRESSION = 5


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

    devices: int = _MILLION
    measurements_per_minute: float = 1
    measurement_bytes: int = 200
    """One measurement as JSON, with what the rule adds to it."""

    @property
    def measurements(self) -> float:
        """Measurements a month."""
        return self.devices * self.measurements_per_minute * _MINUTES_A_MONTH


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
    return publishes(fleet, choice) / _MINUTES_A_MONTH / 60


def _bytes(fleet: Fleet, choice: Choice) -> int:
    return fleet.measurement_bytes * choice.measurements_per_publish


def _metered(fleet: Fleet, choice: Choice) -> float:
    """Messages a month as AWS IoT counts them: in parts of 5 KB."""
    return publishes(fleet, choice) * ceil(_bytes(fleet, choice) / _METERED_BYTES)


def _messaging(messages: float) -> float:
    """Return the price of messages: later ones cost less."""
    cost = 0.0
    for size, price in _MESSAGE_TIERS:
        part = min(messages, size)
        cost += part / _MILLION * price
        messages -= part
    return cost


def shards(fleet: Fleet, choice: Choice) -> int:
    """Return how many shards the stream needs so that they are at most 70 % full in the average second."""
    rate = publishes_per_second(fleet, choice)
    by_records = rate / _SHARD_RECORDS_A_SECOND
    by_bytes = rate * _bytes(fleet, choice) / _SHARD_BYTES_A_SECOND
    return ceil(max(by_records, by_bytes) / _UTILISATION)


def _stream(fleet: Fleet, choice: Choice) -> float:
    number, size = publishes(fleet, choice), _bytes(fleet, choice)
    if choice.stream is Capacity.PROVISIONED:
        units = number * ceil(size / _PUT_PAYLOAD_BYTES)
        return shards(fleet, choice) * _SHARD_HOUR * _HOURS_A_MONTH + units / _MILLION * _PUT_PAYLOAD_UNITS
    # On demand each record counts as full kilobytes on its way in.
    gigabytes_in, gigabytes_out = number * ceil(size / 1024) * 1024 / _GIGABYTE, number * size / _GIGABYTE
    return _STREAM_HOUR * _HOURS_A_MONTH + gigabytes_in * _STREAM_GB_IN + gigabytes_out * _STREAM_GB_OUT


def writes(fleet: Fleet, choice: Choice) -> float:
    """Return the writes of the speed layer's table a month, each up to 1 KB."""
    state = publishes(fleet, choice)
    return state + (fleet.measurements if choice.windows else 0)


def _table(number: float, choice: Choice, on_demand: float, unit_hour: float) -> float:
    """Return the price of writes or consistent reads a month, each of one unit."""
    if choice.table is Capacity.ON_DEMAND:
        return number / _MILLION * on_demand
    units = number / _MINUTES_A_MONTH / 60 / _UTILISATION
    return units * unit_hour * _HOURS_A_MONTH


def _table_storage(fleet: Fleet, choice: Choice) -> float:
    windows = fleet.measurements / 30 * choice.window_days if choice.windows else 0
    return (fleet.devices * 1024 + windows * fleet.measurement_bytes) / _GIGABYTE * _DYNAMODB_GB_MONTH


def _function(fleet: Fleet, choice: Choice) -> float:
    calls = publishes(fleet, choice) / choice.records_per_call
    seconds = writes(fleet, choice) * choice.milliseconds_per_write / 1000
    return calls / _MILLION * _CALLS + seconds * choice.function_gigabytes * _GB_SECOND


def monthly_cost(fleet: Fleet, choice: Choice) -> Mapping[str, float]:
    """Return what telemetry costs in dollars a month, by item. Alarms, logs and people's queries are left out."""
    metered = _metered(fleet, choice)
    actions = 2 if choice.batch_source is BatchSource.RULE else 1
    record = ceil(_bytes(fleet, choice) / _METERED_BYTES) * _METERED_BYTES
    raw = fleet.measurements * fleet.measurement_bytes / _GIGABYTE
    # A shadow is updated by a message through the broker, and the update itself is metered in parts of 1 KB.
    shadow_messages = publishes(fleet, choice) if choice.shadow else 0
    broker = (0 if choice.basic_ingest else metered) + shadow_messages
    stored = raw / _COMPRESSION
    return {
        "Connections": fleet.devices * _MINUTES_A_MONTH / _MILLION * _CONNECTION_MINUTES,
        "Messages": _messaging(broker),
        "Shadow updates": shadow_messages / _MILLION * _SHADOW,
        "Rule": metered / _MILLION * _RULES,
        "Actions": metered * actions / _MILLION * _ACTIONS,
        "Stream": _stream(fleet, choice),
        "Speed layer: function": _function(fleet, choice),
        "Speed layer: writes": _table(writes(fleet, choice), choice, _ON_DEMAND_WRITES, _WRITE_UNIT_HOUR),
        # What is written is read before, consistently.
        "Speed layer: reads": _table(writes(fleet, choice), choice, _ON_DEMAND_READS, _READ_UNIT_HOUR),
        "Speed layer: storage": _table_storage(fleet, choice),
        "Batch layer: Firehose": publishes(fleet, choice) * record / _GIGABYTE * _FIREHOSE_GB + raw * _CONVERSION_GB,
        "Batch layer: a month in S3": stored * _S3_GB_MONTH,
    }


# --- quotas


@dataclass(frozen=True)
class Quota:
    """A default quota, and what the fleet asks of it."""

    name: str
    needed: float
    default: float
    headroom: float = 2
    """What to have, as a multiple of what is needed. Rates double when a fleet comes back and catches up."""

    @property
    def fits(self) -> bool:
        """Whether nothing has to be raised: a fifth stays free."""
        return self.needed <= self.default * 0.8

    @property
    def ask_for(self) -> float:
        """What to ask AWS for."""
        return self.default if self.fits else self.headroom * self.needed


# https://docs.aws.amazon.com/general/latest/gr/iot-core.html
_CONNECTIONS = 500_000
_CONNECTS_A_SECOND = 3_000
_PUBLISHES_A_SECOND = 20_000
_EVALUATIONS_A_SECOND = 20_000
_REGISTRATIONS_A_SECOND = 10
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
        Quota("IoT Core: publishes/s from devices", rate * (2 if choice.shadow else 1), _PUBLISHES_A_SECOND),
        Quota("IoT Core: rule evaluations/s", rate, _EVALUATIONS_A_SECOND),
    ]
    if choice.batch_source is BatchSource.RULE:
        found.append(Quota("Firehose: PutRecord requests/s of a stream", rate, _FIREHOSE_REQUESTS_A_SECOND))
    found += [
        Quota("DynamoDB: writes/s of a table", writes(fleet, choice) / _MINUTES_A_MONTH / 60, _TABLE_WRITES_A_SECOND),
        Quota("Kinesis: shards", shards(fleet, choice), _SHARDS),
    ]
    return found


def reconnect_seconds(fleet: Fleet, connects_a_second: float = _CONNECTS_A_SECOND) -> float:
    """Return how long it takes until all devices are connected again after all connections were lost at once."""
    return fleet.devices / connects_a_second


def join_seconds(fleet: Fleet, registrations_a_second: float = _REGISTRATIONS_A_SECOND) -> float:
    """Return how long it takes until all devices have claimed their identities."""
    return fleet.devices / registrations_a_second


def catch_up_seconds(
    fleet: Fleet, choice: Choice, outage_seconds: float, publishes_a_second: float = _PUBLISHES_A_SECOND
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


# --- the page

_STEADY = Choice(batch_source=BatchSource.STREAM, stream=Capacity.PROVISIONED, table=Capacity.PROVISIONED)
_COLUMNS: Mapping[str, Choice] = {
    "as the system is": Choice(),
    "through the broker": Choice(basic_ingest=False),
    "and a shadow each": Choice(basic_ingest=False, shadow=True),
    "Firehose reads the stream": Choice(batch_source=BatchSource.STREAM),
    "and provisioned capacity": _STEADY,
    "and 10 per publish": replace(_STEADY, measurements_per_publish=10),
    "and 60 per publish": replace(_STEADY, measurements_per_publish=60),
    "and no windows": replace(_STEADY, measurements_per_publish=60, windows=False),
}


def cost_table(fleet: Fleet) -> str:
    """Return what each choice costs, in Markdown; a column for each."""
    costs = {name: monthly_cost(fleet, choice) for name, choice in _COLUMNS.items()}
    items = list(next(iter(costs.values())))
    rows = [[item, *(_dollars(cost[item]) for cost in costs.values())] for item in items]
    totals = [sum(cost.values()) for cost in costs.values()]
    rows.append(["**All**", *(f"**{_dollars(total)}**" for total in totals)])
    rows.append(["A device", *(f"${total / fleet.devices:.3f}" for total in totals)])
    return _markdown(["$ a month", *costs], rows)


def single_table(fleet: Fleet) -> str:
    """Return what one choice changes when everything else stays as the system is, in Markdown."""
    base = sum(monthly_cost(fleet, Choice()).values())
    changes: Mapping[str, Choice] = {
        "broker instead of Basic Ingest": Choice(basic_ingest=False),
        "10 measurements per publish": Choice(measurements_per_publish=10),
        "60 measurements per publish": Choice(measurements_per_publish=60),
        "QoS 0 instead of 1": Choice(qos=0),
        "each publish updates the shadow": Choice(shadow=True),
        "Firehose reads the stream": Choice(batch_source=BatchSource.STREAM),
        "provisioned table": Choice(table=Capacity.PROVISIONED),
        "provisioned stream": Choice(stream=Capacity.PROVISIONED),
        "no windows, latest state only": Choice(windows=False),
    }
    rows = []
    for name, choice in changes.items():
        difference = sum(monthly_cost(fleet, choice).values()) - base
        rows.append([name, f"{'+' if difference > 0 else '-' if difference < 0 else ''}{_dollars(abs(difference))}"])
    return _markdown(["alone", "$ a month"], rows)


def quota_table(fleet: Fleet) -> str:
    """Return what the fleet asks of quotas, in Markdown."""
    choice, gathered = Choice(), replace(Choice(), measurements_per_publish=10)
    later = {quota.name: quota for quota in quotas(fleet, gathered)}
    rows = [
        [
            quota.name,
            f"{quota.default:,.0f}",
            f"{quota.needed:,.0f}",
            "enough" if quota.fits else f"ask for {quota.ask_for:,.0f}",
            f"{later[quota.name].needed:,.0f}",
        ]
        for quota in quotas(fleet, choice)
    ]
    return _markdown(["quota", "default", "needed", "", "with 10 per publish"], rows)


def time_table(fleet: Fleet) -> str:
    """Return how long what happens to all devices takes, in Markdown."""
    gathered = replace(Choice(), measurements_per_publish=10)
    hour = 3600
    raised = 2 * publishes_per_second(fleet, Choice())
    now, then = (catch_up_seconds(fleet, Choice(), hour, rate) for rate in (_PUBLISHES_A_SECOND, raised))
    rows = [
        ["all devices join", f"{_REGISTRATIONS_A_SECOND} registrations/s", _duration(join_seconds(fleet))],
        ["all devices join", "raised to 100/s", _duration(join_seconds(fleet, 100))],
        ["all devices connect anew", f"{_CONNECTS_A_SECOND:,} connects/s", _duration(reconnect_seconds(fleet))],
        [
            "an hour is caught up",
            f"{_PUBLISHES_A_SECOND:,} publishes/s",
            _duration(now),
        ],
        [
            "an hour is caught up",
            f"raised to {raised:,.0f}/s",
            _duration(then),
        ],
        [
            "an hour is caught up",
            f"{_PUBLISHES_A_SECOND:,} publishes/s, 10 measurements each",
            _duration(catch_up_seconds(fleet, gathered, hour)),
        ],
    ]
    return _markdown(["what", "at", "takes"], rows)


_TABLES: Mapping[str, Callable[[Fleet], str]] = {
    "quotas": quota_table,
    "times": time_table,
    "costs": cost_table,
    "changes": single_table,
}


def page_with_tables() -> str:
    """Return the page with its tables as they should be."""
    page = PAGE.read_text()
    for name, table in _TABLES.items():
        begin, end = f"<!-- {name}: begin, written by `python -m stacks.iot.scale` -->", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{table(Fleet())}\n{end}{after}"
    return page


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _dollars(amount: float) -> str:
    return f"{amount:,.0f}"


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


if __name__ == "__main__":
    PAGE.write_text(page_with_tables())
