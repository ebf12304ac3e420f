"""The card of a stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cdp_constructs.review.cards.access import access
from cdp_constructs.review.cards.composition import composition
from cdp_constructs.review.cards.costs import PRICES_OF, cost_at_rest
from cdp_constructs.review.cards.edges import Edge, edges
from cdp_constructs.review.cards.exposure import Entrance, entrances
from cdp_constructs.review.cards.failures import Failure, failures
from cdp_constructs.review.cards.limits import limits
from cdp_constructs.review.cards.storage import stores
from cdp_constructs.review.templates import Template
from cdp_constructs.review.values import counted, listed

__all__ = ["NOTHING", "Card"]


@dataclass(frozen=True)
class Card:
    """What a stack is made of, who may do what, and where its data and its failures go.

    Attributes:
        template: The stack's template.
        accepted: Findings that were acknowledged, with the reasons, as lines.
    """

    template: Template
    accepted: Sequence[str] = ()

    @cached_property
    def edges(self) -> Sequence[Edge]:
        """Who sends what to whom."""
        return edges(self.template)

    @cached_property
    def entrances(self) -> Sequence[Entrance]:
        """Ways in from the internet."""
        return entrances(self.template)

    @cached_property
    def failures(self) -> Sequence[Failure]:
        """What becomes of work that fails."""
        return failures(self.template)

    @cached_property
    def sections(self) -> Mapping[str, Sequence[str]]:
        """The lines of each section by its title; none where there is nothing to say."""
        return {
            "sends": [str(edge) for edge in self.edges],
            "may": access(self.template),
            "internet": [str(entrance) for entrance in self.entrances],
            "at rest": stores(self.template),
            "fails to": [str(failure) for failure in self.failures],
            "limits": limits(self.template),
            "accepted": list(self.accepted),
            "costs at rest": [self.cost],
        }

    @cached_property
    def cost(self) -> str:
        """What it costs a month at rest, with its parts."""
        total, parts = cost_at_rest(self.template)
        of_what = f"{listed(parts)}; list" if parts else "list"
        return f"${total:,.2f} a month ({of_what} prices of {PRICES_OF}, use comes on top)"

    @cached_property
    def made_of(self) -> Sequence[str]:
        """What it is made of, a line for each purpose."""
        return composition(self.template)

    @cached_property
    def summary(self) -> Sequence[str]:
        """A line for each question that a reviewer asks first of what does not fit on a page."""
        wide = [line for line in self.sections["may"] if line.startswith("* ")]
        open_ = [entrance for entrance in self.entrances if entrance.open]
        lost = [failure for failure in self.failures if not failure.place]
        silent = [failure for failure in self.failures if failure.place and not failure.alarms]
        missing = f", {len(lost)} lost, {len(silent)} without an alarm"
        return [
            f"{'may':<10}{counted(len(self.sections['may']), 'sentence')}, {len(wide)} of them wide",
            f"{'internet':<10}{counted(len(self.entrances), 'way')} in, {len(open_)} of them without credentials",
            f"{'fails to':<10}{counted(len(self.failures), 'kind of work')}{missing}",
            f"{'accepted':<10}{counted(len(self.accepted), 'finding')}",
            f"{'costs':<10}${cost_at_rest(self.template)[0]:,.2f} a month at rest",
        ]


NOTHING: Mapping[str, str] = {
    "sends": "nothing to anything",
    "may": "nobody may do anything",
    "internet": "nothing faces it",
    "at rest": "nothing",
    "fails to": "nothing is asynchronous",
    "limits": "none that was set",
    "accepted": "no finding",
}
"""What a section without lines says."""
