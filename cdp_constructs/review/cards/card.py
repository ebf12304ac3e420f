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

__all__ = ["Card"]


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
    def _cost(self) -> tuple[float, Sequence[str]]:
        return cost_at_rest(self.template)

    @cached_property
    def sections(self) -> Mapping[str, Sequence[str]]:
        """The lines below the summary by title; an empty section says so itself."""
        return {
            "sends": [str(edge) for edge in self.edges] or ["nothing to anything"],
            "may": access(self.template) or ["nobody may do anything"],
            "internet": [str(entrance) for entrance in self.entrances] or ["nothing faces it"],
            "at rest": stores(self.template) or ["nothing"],
            "fails to": [str(failure) for failure in self.failures] or ["nothing is asynchronous"],
            "limits": limits(self.template) or ["none that was set"],
            "accepted": list(self.accepted) or ["no finding"],
            "costs at rest": [
                f"a month, list prices of {PRICES_OF}; use comes on top",
                *cost_at_rest(self.template)[1],
            ],
        }

    @cached_property
    def summary(self) -> Sequence[str]:
        """What it is made of, and a line for each question that a reviewer asks first."""
        wide = [line for line in self.sections["may"] if line.startswith("* ")]
        open_ = [entrance for entrance in self.entrances if entrance.open]
        lost = [failure for failure in self.failures if not failure.place]
        silent = [failure for failure in self.failures if failure.place and not failure.alarms]
        return [
            *composition(self.template),
            f"{'may':<10}{len(self.sections['may'])} sentences, {len(wide)} of them wide",
            f"{'internet':<10}{len(self.entrances)} from there, {len(open_)} of them without credentials",
            f"{'fails to':<10}{len(self.failures)} kinds of work, {len(lost)} lost, {len(silent)} without an alarm",
            f"{'accepted':<10}{len(self.accepted)} findings",
            f"{'costs':<10}${self._cost[0]:,.2f} a month at rest",
        ]
