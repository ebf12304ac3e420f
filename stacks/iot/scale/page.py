"""The tables of ``docs/systems/iot-scale.md``."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from cdp_constructs.estimates.tables import markdown, with_tables
from stacks.iot.scale.costs import monthly_cost
from stacks.iot.scale.fleet import (
    FOR_A_LARGE_FLEET,
    GATHER_MINUTES,
    LARGE_FLEET,
    BatchSource,
    Capacity,
    Choice,
    Fleet,
    publishes_per_second,
    shards,
)
from stacks.iot.scale.quotas import (
    CONNECTS_A_SECOND,
    PUBLISHES_A_SECOND,
    REGISTRATIONS_A_SECOND,
    catch_up_seconds,
    catch_up_stages,
    join_seconds,
    quotas,
    reconnect_seconds,
)

__all__ = ["PAGE", "page_with_tables", "tables"]

PAGE = Path(__file__).parents[3] / "docs" / "systems" / "iot-scale.md"

_STEADY = Choice(batch_source=BatchSource.STREAM, stream=Capacity.PROVISIONED, table=Capacity.PROVISIONED)
_LARGE = f"`fleet_size`: gathered for {GATHER_MINUTES} minutes"
_COLUMNS: Mapping[str, Choice] = {
    "as the system is": Choice(),
    "through the broker": Choice(basic_ingest=False),
    "and a shadow each": Choice(basic_ingest=False, shadow=True),
    "Firehose reads the stream": Choice(batch_source=BatchSource.STREAM),
    "and provisioned capacity": _STEADY,
    "and no windows": replace(_STEADY, windows=False),
    _LARGE: FOR_A_LARGE_FLEET,
    "and windows of 10 minutes": replace(FOR_A_LARGE_FLEET, windows=True, window_minutes=10),
    "gathered for an hour": replace(FOR_A_LARGE_FLEET, measurements_per_publish=60),
}


def cost_table(fleet: Fleet) -> str:
    """Return what each choice costs, in Markdown; a column for each."""
    costs = {name: monthly_cost(fleet, choice) for name, choice in _COLUMNS.items()}
    items = list(costs[_LARGE])
    rows = [[item, *(_dollars(cost.get(item, 0)) for cost in costs.values())] for item in items]
    totals = [sum(cost.values()) for cost in costs.values()]
    rows.append(["**All**", *(f"**{_dollars(total)}**" for total in totals)])
    rows.append(["A device", *(f"${total / fleet.devices:.3f}" for total in totals)])
    return markdown(["$ a month", *costs], rows)


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
    return markdown(["alone", "$ a month"], rows)


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
    return markdown(["quota", "default", "needed", "", "with 10 per publish"], rows)


def time_table(fleet: Fleet) -> str:
    """Return how long what happens to all devices takes, in Markdown."""
    gathered = replace(Choice(), measurements_per_publish=10)
    hour = 3600
    raised = 2 * publishes_per_second(fleet, Choice())
    now, then = (catch_up_seconds(fleet, Choice(), hour, rate) for rate in (PUBLISHES_A_SECOND, raised))
    rows = [
        ["all devices join", f"{REGISTRATIONS_A_SECOND:,.0f} registrations/s", _duration(join_seconds(fleet))],
        ["all devices join", "raised to 100/s", _duration(join_seconds(fleet, 100))],
        ["all devices connect anew", f"{CONNECTS_A_SECOND:,.0f} connects/s", _duration(reconnect_seconds(fleet))],
        [
            "an hour is caught up",
            f"{PUBLISHES_A_SECOND:,.0f} publishes/s",
            _duration(now),
        ],
        [
            "an hour is caught up",
            f"raised to {raised:,.0f}/s",
            _duration(then),
        ],
        [
            "an hour is caught up",
            f"{PUBLISHES_A_SECOND:,.0f} publishes/s, 10 measurements each",
            _duration(catch_up_seconds(fleet, gathered, hour)),
        ],
    ]
    return markdown(["what", "at", "takes"], rows)


def catch_up_table(fleet: Fleet) -> str:
    """Return how a fleet that gathers catches up an hour, stage by stage, in Markdown."""
    stages = catch_up_stages(fleet, FOR_A_LARGE_FLEET)
    rows = [
        [stage.name, f"{stage.capacity:,.0f} {stage.unit}", f"{stage.peak:,.0f}", _duration(stage.seconds)]
        for stage in stages
    ]
    return markdown(["after an hour's outage", "takes", "busiest second", "after the first connection"], rows)


def shard_table(fleet: Fleet) -> str:
    """Return what `fleet_size` makes of some fleets, in Markdown."""
    rows = []
    for devices in (LARGE_FLEET, 100_000, 400_000, fleet.devices):
        some = replace(fleet, devices=devices)
        total = sum(monthly_cost(some, FOR_A_LARGE_FLEET).values())
        rows.append([f"{devices:,}", str(shards(some, FOR_A_LARGE_FLEET)), _dollars(total), f"${total / devices:.3f}"])
    return markdown(["`fleet_size`", "shards", "$ a month", "a device"], rows)


_TABLES: Mapping[str, Callable[[Fleet], str]] = {
    "quotas": quota_table,
    "times": time_table,
    "costs": cost_table,
    "changes": single_table,
    "catch-up": catch_up_table,
    "fleet-size": shard_table,
}


def tables(fleet: Fleet) -> list[str]:
    """Return all tables for a fleet."""
    return [table(fleet) for table in _TABLES.values()]


def page_with_tables() -> str:
    """Return the page with its tables as they should be."""
    made = ((name, table(Fleet())) for name, table in _TABLES.items())
    return with_tables(PAGE.read_text(), made, command="python -m stacks.iot.scale --write")


def _dollars(amount: float) -> str:
    return f"{amount:,.0f}"


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
