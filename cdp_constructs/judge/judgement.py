"""An assembly beside a brief: what was found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cdp_constructs.estimates import Quota
from cdp_constructs.judge.bills import growth, quotas, whole_cost
from cdp_constructs.judge.brief import Brief, BriefError, Wish
from cdp_constructs.judge.distances import Distance, distances, mean_to_data
from cdp_constructs.judge.graph import Graph, Part
from cdp_constructs.judge.losses import Outcome, in_one_region, outcomes, spread
from cdp_constructs.review.cards.costs import cost_at_rest
from cdp_constructs.review.templates import Template

__all__ = ["Judged", "Judgement", "judge"]


@dataclass(frozen=True)
class Judged:
    """A wish.

    Attributes:
        wish: What was wanted.
        way: The parts that it takes, from entry to store.
        outcomes: What becomes of it when something is lost.
    """

    wish: Wish
    way: Sequence[str]
    outcomes: Sequence[Outcome]


@dataclass(frozen=True)
class Judgement:
    """What was found, without an opinion.

    Attributes:
        graph: The assembly.
        brief: What was wanted; without one there are facts of the graph only.
        wishes: Each wish of the brief.
    """

    graph: Graph
    brief: Brief | None
    wishes: Sequence[Judged] = ()

    @cached_property
    def single(self) -> list[tuple[str, str]]:
        """Parts of which there is one, or that are in one zone, with which of both."""
        found = []
        for name, part in sorted(self.graph.parts.items()):
            over = spread(part)
            if over.instances == 1:
                found.append((name, "one instance"))
            elif over.zones == 1:
                found.append((name, "one zone"))
        return found

    @cached_property
    def at_rest(self) -> float:
        """Dollars a month before anybody comes."""
        return sum(cost_at_rest(template)[0] for template in self.graph.templates)

    @cached_property
    def parts(self) -> list[Part]:
        """The parts of all ways, each once."""
        return [self.graph.parts[name] for name in dict.fromkeys(name for one in self.wishes for name in one.way)]

    @cached_property
    def distances(self) -> list[Distance]:
        """How far each city is from the first wish's data."""
        return distances(self.graph, _ways(self.graph, self.wishes[0].wish)) if self.wishes else []

    @cached_property
    def latency(self) -> float:
        """Milliseconds to the data and back, the mean of the brief's people."""
        return mean_to_data(self.brief, self.distances) if self.brief else 0.0

    @cached_property
    def cost(self) -> Mapping[str, float]:
        """Dollars a month by part, at the brief's size."""
        return whole_cost(self.brief, self.graph, self.parts) if self.brief else {"at rest": self.at_rest}

    @cached_property
    def growth(self) -> Mapping[int, float]:
        """Dollars a month by number of people."""
        return growth(self.brief, self.graph, self.parts) if self.brief else {}

    @cached_property
    def quotas(self) -> list[Quota]:
        """Default quotas of what the ways go through, the first to be reached on top."""
        if self.brief is None:
            return []
        people = self.brief.people
        return sorted(quotas(self.brief, self.parts), key=lambda one: one.reached_at(people))

    def kept(self, outcome: Outcome) -> bool:
        """Whether the goal for recovery is kept."""
        return self.brief is None or outcome.seconds <= self.brief.recovery_seconds


def judge(templates: Sequence[Template], brief: Brief | None = None) -> Judgement:
    """Compare an assembly with a brief.

    Args:
        templates: Its stacks.
        brief: What is wanted.

    Raises:
        BriefError: a wish begins or ends at nothing of the assembly, or no way leads from the one to the other.
    """
    graph = Graph(templates)
    return Judgement(graph, brief, [_judged(graph, wish) for wish in brief.wishes] if brief else [])


def _judged(graph: Graph, wish: Wish) -> Judged:
    for end, paths in (("entry", wish.entries), ("store", wish.stores)):
        for path in paths:
            if not graph.at(path):
                last = path.rpartition("/")[2].lower()
                near = sorted(name for name in graph.parts if last and last in name.lower())[:3]
                fix = f"Similar ones: {', '.join(near)}" if near else "`cdp card` shows what there is"
                raise BriefError(f"wishes.{wish.name}.{end}: there is nothing at {path!r}. {fix}")
    way, found = outcomes(graph, wish)
    if not way:
        ends = f"from {' or '.join(wish.entries)} to {' or '.join(wish.stores)}"
        raise BriefError(f"wishes.{wish.name}: no way leads {ends}. `cdp card` shows who sends what to whom")
    return Judged(wish, way, found)


def _ways(graph: Graph, wish: Wish) -> list[list[str]]:
    """Return a way for each Region that answers a wish: one that stays there, or else begins there."""
    starts, ends = graph.at_any(wish.entries), graph.at_any(wish.stores)
    single = in_one_region(graph)
    entrances = _entrances(graph, starts, single)
    found = []
    for region in sorted(set(single.values())):
        others = {name for name, own in single.items() if own != region}
        way = graph.path(starts - others, ends - others, without=others)
        way = way or graph.path({name for name in entrances if single[name] == region}, ends)
        if any(single.get(name) == region for name in way):
            found.append(way)
    return found or [graph.path(starts, ends)]


def _entrances(graph: Graph, starts: Collection[str], single: Mapping[str, str]) -> set[str]:
    """Return the first parts in one Region only that are met from the starts."""
    waiting, seen = list(starts), set(starts)
    while waiting:
        name = waiting.pop()
        following = set() if name in single else graph.after.get(name, set()) - seen
        seen |= following
        waiting += following
    return {name for name in seen if name in single}
