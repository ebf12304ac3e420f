"""How far away a system is from people: estimates from distances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdp_constructs.judge.brief import Brief
from cdp_constructs.judge.graph import Graph
from cdp_constructs.judge.losses import spread
from cdp_constructs.judge.places import CITIES, REGIONS, round_trip_ms

__all__ = ["Distance", "distances", "mean_to_data"]


@dataclass(frozen=True)
class Distance:
    """From a city: milliseconds of a round trip.

    Attributes:
        city: Where.
        entry: Region that answers.
        to_entry: To the Region that answers.
        to_data: To that Region, and from there to the data.
    """

    city: str
    entry: str
    to_entry: float
    to_data: float


def distances(graph: Graph, ways: Sequence[Sequence[str]]) -> list[Distance]:
    """Return how far each city is from what answers it, and from the data.

    Args:
        graph: The assembly.
        ways: Ways of a wish, one for each Region that answers.

    Returns:
        None when no Region of the ways is known.
    """
    answering: dict[str, set[str]] = {}
    for way in ways:
        on_the_way = [spread(graph.parts[name]).regions for name in way]
        inside = [list(regions) for regions in on_the_way if regions]
        if not inside:
            continue
        first = next((regions[0] for regions in inside if len(regions) == 1), inside[0][0])
        answering.setdefault(first, set()).update(inside[-1])
    known = {entry: data for entry, data in answering.items() if entry in REGIONS}
    return [_from(city, known) for city in CITIES] if known else []


def _from(city: str, answering: Mapping[str, set[str]]) -> Distance:
    here = CITIES[city]
    entry = min(answering, key=lambda region: (round_trip_ms(here, REGIONS[region]), region))
    to_entry = round_trip_ms(here, REGIONS[entry])
    stores = [region for region in answering[entry] if region in REGIONS] or [entry]
    further = min(round_trip_ms(REGIONS[entry], REGIONS[region]) for region in stores)
    return Distance(city, entry, to_entry, to_entry + further)


def mean_to_data(brief: Brief, found: Sequence[Distance]) -> float:
    """Return the mean over the people of a brief."""
    people = sum(brief.cities.get(one.city, 0.0) for one in found)
    return sum(one.to_data * brief.cities.get(one.city, 0.0) for one in found) / people if people else 0.0
