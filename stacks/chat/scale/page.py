"""The tables of ``docs/systems/chat-scale.md``."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from cdp_constructs.estimates.tables import markdown, with_tables
from stacks.chat.recovery import stages, total_seconds
from stacks.chat.scale.costs import monthly_cost
from stacks.chat.scale.crowd import Crowd
from stacks.chat.scale.quotas import quotas

__all__ = ["PAGE", "page_with_tables", "tables"]

PAGE = Path(__file__).parents[3] / "docs" / "systems" / "chat-scale.md"
COMMAND = "python -m stacks.chat.scale --write"


def quota_table(crowd: Crowd) -> str:
    """Return what the crowd asks of quotas, in Markdown, the first to be reached on top."""
    rows = [
        [
            quota.name,
            f"{quota.default:,.0f}",
            f"{quota.needed:,.0f}",
            f"{quota.reached_at(crowd.people):,.0f}",
            "enough" if quota.fits else f"ask for {quota.ask_for:,.0f}",
        ]
        for quota in sorted(quotas(crowd), key=lambda one: one.reached_at(crowd.people))
    ]
    return markdown(["quota", "default", "needed", "enough for so many people", ""], rows)


def cost_table(crowd: Crowd) -> str:
    """Return what the crowd costs, in Markdown, beside one that writes less."""
    quiet = replace(crowd, messages_a_day=1, open_minutes_a_day=15, visits_a_day=2, notices_a_day=0.5)
    columns = {
        f"{crowd.messages_a_day:g} messages and {crowd.open_minutes_a_day:g} minutes a day": crowd,
        "without typing notices": replace(crowd, typing_notices=False),
        "and the Lite plan": _saving(crowd),
        f"{quiet.messages_a_day:g} message and {quiet.open_minutes_a_day:g} minutes": quiet,
        "saving both": _saving(quiet),
    }
    costs = [monthly_cost(each) for each in columns.values()]
    rows = [[item, *(f"{cost[item]:,.0f}" for cost in costs)] for item in costs[0]]
    rows.append(["**All**", *(f"**{sum(cost.values()):,.0f}**" for cost in costs)])
    rows.append(["A person", *(f"${sum(cost.values()) / crowd.people:.3f}" for cost in costs)])
    return markdown(["$ a month", *columns], rows)


def saving_table(crowd: Crowd) -> str:
    """Return what each option saves when everything else stays, in Markdown."""
    usual = sum(monthly_cost(crowd).values())
    options = {
        "`typing_notices: false`": replace(crowd, typing_notices=False),
        "`sign_in_plan: lite`": replace(crowd, sign_in_plan="lite"),
    }
    rows = [[name, f"{usual - sum(monthly_cost(each).values()):,.0f}"] for name, each in options.items()]
    together = monthly_cost(crowd)["Live: events"] * crowd.events_together
    rows.append(["events of a room within a second as one (not built), at most", f"{together:,.0f}"])
    return markdown(["alone", "saves $ a month"], rows)


def _saving(crowd: Crowd) -> Crowd:
    return replace(crowd, typing_notices=False, sign_in_plan="lite")


def recovery_table(crowd: Crowd) -> str:
    """Return how long the loss of a Region lasts for the crowd, in Markdown."""
    rows = [[stage.name, f"{stage.seconds:,.0f}"] for stage in stages(crowd.people)]
    rows.append(["**In all**", f"**{total_seconds(crowd.people):,.0f}**"])
    return markdown(["stage", "seconds"], rows)


_TABLES: Mapping[str, Callable[[Crowd], str]] = {
    "quotas": quota_table,
    "costs": cost_table,
    "savings": saving_table,
    "recovery": recovery_table,
}


def tables(crowd: Crowd) -> list[str]:
    """Return all tables for a crowd."""
    return [table(crowd) for table in _TABLES.values()]


def page_with_tables() -> str:
    """Return the page with its tables as they should be."""
    made = ((name, table(Crowd())) for name, table in _TABLES.items())
    return with_tables(PAGE.read_text(), made, command=COMMAND)
