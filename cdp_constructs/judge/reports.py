"""What a judgement says, as text and as Markdown."""

from collections.abc import Iterator, Sequence

from cdp_constructs.estimates.tables import markdown
from cdp_constructs.judge.judgement import Judged, Judgement
from cdp_constructs.judge.losses import MOMENT_SECONDS, Outcome
from cdp_constructs.judge.places import FACTOR

__all__ = ["as_markdown", "as_text", "lasts"]

_NO_BRIEF = "No brief was given: these are facts of the templates only. `--brief FILE` says what is wanted."


def lasts(seconds: float) -> str:
    """Write how long something stops."""
    if seconds == float("inf"):
        return "until somebody acts"
    if seconds < MOMENT_SECONDS:
        return "not at all"
    return f"{seconds:,.0f} s"


def as_text(found: Judgement) -> str:
    """Return a judgement for a terminal."""
    return "\n".join(_text(found)) + "\n"


def _text(found: Judgement) -> Iterator[str]:
    brief = found.brief
    if brief is None:
        yield _NO_BRIEF
    else:
        yield f"{brief.name}: {brief.people:,.0f} people, {brief.messages_a_day:g} messages a day each"
    for one in found.wishes:
        yield from ("", one.wish.name, f"  way       {' -> '.join(one.way)}")
        for outcome in one.outcomes:
            yield f"  {outcome.loss:<9} stops {lasts(outcome.seconds)}{_cause(outcome)}{_against(found, outcome)}"
    yield from ("", "single instances and zones")
    yield from (f"  {name}: {what}" for name, what in found.single) if found.single else ("  none",)
    if found.distances:
        yield from ("", f"round trips in ms, estimated: light in fibre times {FACTOR:g}, without the servers' own time")
        yield from (
            f"  {one.city:<14} {one.to_entry:4.0f} to {one.entry}, {one.to_data:4.0f} to the data"
            for one in found.distances
        )
        if brief is not None:
            yield f"  mean of the people {found.latency:.0f}; goal {brief.latency_ms:g}"
    yield from ("", "dollars a month, list prices of us-east-1")
    yield from (f"  {part:<20} {cost:>12,.2f}" for part, cost in found.cost.items())
    if brief is not None:
        total = sum(found.cost.values())
        each = f"${total / brief.people:,.4f} a person" if brief.people else "nobody"
        goal = f"; budget {brief.dollars_a_month:,.0f}" if brief.dollars_a_month else ""
        yield f"  {'all':<20} {total:>12,.2f}   {each}{goal}"
        yield from (f"  {people:>12,} people {cost:>12,.0f}" for people, cost in found.growth.items())
        yield from ("", "default quotas and the most tasks, the first to be reached on top")
        yield from (
            f"  {quota.name}: {quota.default:,.0f}, needed {quota.needed:,.0f}; enough for "
            f"{quota.reached_at(brief.people):,.0f} people; {'can' if quota.adjustable else 'cannot'} be raised"
            for quota in found.quotas
        )


def _cause(outcome: Outcome) -> str:
    return f": {outcome.part} ({outcome.why})" if outcome.part else f" ({outcome.why})"


def _against(found: Judgement, outcome: Outcome) -> str:
    said = [] if found.kept(outcome) else ["goal NOT kept"]
    if outcome.measured is not None:
        said.append(f"measured {lasts(outcome.measured)}")
        if outcome.differs:
            said.append("one of both is wrong")
    return f"   {'; '.join(said)}" if said else ""


def as_markdown(found: Judgement) -> str:
    """Return a judgement for a page or a pull request."""
    return "\n".join(_markdown(found)) + "\n"


def _markdown(found: Judgement) -> Iterator[str]:
    brief = found.brief
    if brief is None:
        yield from (_NO_BRIEF, "")
    else:
        yield from (f"## {brief.name}", "")
        yield from (f"{brief.people:,.0f} people, {brief.messages_a_day:g} messages a day each.", "")
    if found.wishes:
        yield _losses(found, found.wishes)
        yield ""
    if found.single:
        yield from ("Single instances and zones:", "")
        yield from (f"- `{name}`: {what}" for name, what in found.single)
        yield ""
    if found.distances:
        rows = [[one.city, f"{one.to_entry:.0f}", one.entry, f"{one.to_data:.0f}"] for one in found.distances]
        yield markdown(["round trip in ms, estimated", "to the entry", "Region", "to the data"], rows)
        yield ""
    costs = [[part, f"{cost:,.2f}"] for part, cost in found.cost.items()]
    yield markdown(["$ a month", ""], [*costs, ["**all**", f"**{sum(found.cost.values()):,.2f}**"]])
    if brief is not None:
        yield ""
        yield markdown(["people", "$ a month"], [[f"{size:,}", f"{cost:,.0f}"] for size, cost in found.growth.items()])
        yield ""
        rows = [
            [
                quota.name,
                f"{quota.default:,.0f}",
                f"{quota.needed:,.0f}",
                f"{quota.reached_at(brief.people):,.0f}",
                "yes" if quota.adjustable else "no",
            ]
            for quota in found.quotas
        ]
        yield markdown(["quota", "default", "needed", "enough for so many people", "can be raised"], rows)


def _losses(found: Judgement, wishes: Sequence[Judged]) -> str:
    rows = []
    for one in wishes:
        for outcome in one.outcomes:
            measured = "" if outcome.measured is None else lasts(outcome.measured)
            goal = "kept" if found.kept(outcome) else "**not kept**"
            part = f"`{outcome.part}`: {outcome.why}" if outcome.part else outcome.why
            rows.append([one.wish.name, outcome.loss, lasts(outcome.seconds), measured, goal, part])
    return markdown(["wish", "lost", "stops", "measured", "goal", "by"], rows)
