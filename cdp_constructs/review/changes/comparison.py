"""Compares templates by pairs, and tells what is the same in several of them once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cdp_constructs.review.cards.edges import Edge, edges
from cdp_constructs.review.changes.data import data
from cdp_constructs.review.changes.findings import Finding
from cdp_constructs.review.changes.pairs import pair
from cdp_constructs.review.changes.permissions import broadened
from cdp_constructs.review.changes.rest import code, cost, rest
from cdp_constructs.review.changes.trust import trusted
from cdp_constructs.review.changes.watching import alarms, exposure, failed_work, places_gone
from cdp_constructs.review.templates import Template

__all__ = ["Change", "Compared", "changed_edges", "compare", "together"]


@dataclass(frozen=True)
class Compared:
    """A template before and now.

    Attributes:
        label: What reports call it: the stack, or the snapshot.
        before: The template before; None when it is new.
        now: The template now; None when it is gone.
        deployed: Whether it is one that is deployed, and not an example of a test.
    """

    label: str
    before: Template | None
    now: Template | None
    deployed: bool = True


@dataclass(frozen=True)
class Change:
    """A finding with where it is.

    Attributes:
        finding: What changed.
        places: Labels of the templates in which it did, those that are deployed first.
        deployed: How many of them are deployed.
    """

    finding: Finding
    places: Sequence[str]
    deployed: int


def compare(one: Compared) -> list[Finding]:
    """Return what changed between two templates."""
    name = one.label
    old = one.before or Template(name, {"Resources": {}})
    new = one.now or Template(name, {"Resources": {}})
    pairs = pair(old, new)
    named = old.renamed(pairs.names)
    again = pair(named, new)
    found: Iterable[Finding] = (
        *data(named, new, again),
        *broadened(named, new, again),
        *trusted(named, new, again),
        *exposure(named, new, again),
        *alarms(named, new, again),
        *failed_work(named, new),
        *places_gone(named, new, again),
        *cost(named, new),
        *code(again),
        *rest(named, new, again),
    )
    home = new.home if one.now else old.home
    return sorted({_anywhere(finding, home) for finding in found})


def changed_edges(compared: Iterable[Compared]) -> tuple[Sequence[Edge], Sequence[Edge]]:
    """Return who sends what to whom now and did not, and the other way round, in the deployed templates together."""
    added: set[Edge] = set()
    removed: set[Edge] = set()
    for one in compared:
        if one.deployed:
            new = set(edges(one.now)) if one.now else set()
            names = pair(one.before, one.now).names if one.before and one.now else {}
            old = set(edges(one.before.renamed(names))) if one.before else set()
            added |= new - old
            removed |= old - new
    return sorted(added), sorted(removed)


def _anywhere(finding: Finding, region: str | None) -> Finding:
    """Write a finding without the template's own Region, so that it is the same in each."""
    if region is None:
        return finding
    details = tuple(line.replace(region, "(region)") for line in finding.details)
    return Finding(finding.kind, finding.title.replace(region, "(region)"), details)


def together(compared: Iterable[Compared]) -> list[Change]:
    """Return the findings of all templates, each once, by weight; those of deployed stacks before examples."""
    places: dict[Finding, list[Compared]] = {}
    for one in compared:
        for finding in compare(one):
            places.setdefault(finding, []).append(one)
    changes = [
        Change(
            finding,
            [one.label for one in sorted(some, key=lambda one: (not one.deployed, one.label))],
            sum(one.deployed for one in some),
        )
        for finding, some in places.items()
    ]
    return sorted(changes, key=lambda one: (one.finding.kind, not one.deployed, -len(one.places), one.finding))
