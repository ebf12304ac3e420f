"""Which resources of two templates are the same: by logical id, or, with another id, by what they are."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cdp_constructs.review.templates import Resource, Template

__all__ = ["Pairs", "pair"]


@dataclass(frozen=True)
class Pairs:
    """The resources of two templates.

    Attributes:
        same: Those with the same logical id and type, before and now.
        renamed: Those that have another logical id now, which CloudFormation makes anew.
        added: Those that are new.
        removed: Those that are gone.
    """

    same: tuple[tuple[Resource, Resource], ...]
    renamed: tuple[tuple[Resource, Resource], ...]
    added: tuple[Resource, ...]
    removed: tuple[Resource, ...]

    @property
    def names(self) -> Mapping[str, str]:
        """Names now, by logical ids before: what only has another name is not another thing."""
        return {old.logical_id: new.name for old, new in (*self.same, *self.renamed)}


def pair(old: Template, new: Template) -> Pairs:
    """Pair the resources of two templates."""
    same = [
        (before, new.resources[logical_id])
        for logical_id, before in old.resources.items()
        if logical_id in new.resources and new.resources[logical_id].type == before.type
    ]
    kept = {before.logical_id for before, _ in same}
    removed = [one for one in old.resources.values() if one.logical_id not in kept]
    added = [one for one in new.resources.values() if one.logical_id not in kept]
    renamed = list(_renamed(removed, added))
    gone = {before.logical_id for before, _ in renamed}
    come = {now.logical_id for _, now in renamed}
    return Pairs(
        same=tuple(same),
        renamed=tuple(renamed),
        added=tuple(one for one in added if one.logical_id not in come),
        removed=tuple(one for one in removed if one.logical_id not in gone),
    )


def _renamed(removed: list[Resource], added: list[Resource]) -> Iterator[tuple[Resource, Resource]]:
    """Pair those of a type that differ by references to others at most; of several alike, those with like names."""
    ids = {one.logical_id for one in (*removed, *added)}
    candidates: dict[str, list[Resource]] = defaultdict(list)
    for one in added:
        candidates[_looks(one, ids)].append(one)
    for one in removed:
        alike = candidates[_looks(one, ids)]
        if alike:
            best = max(alike, key=lambda other: _likeness(one.name, other.name))
            if len(alike) == 1 or _likeness(one.name, best.name) > 0:
                alike.remove(best)
                yield one, best


def _looks(resource: Resource, ids: set[str]) -> str:
    """Return type and properties as text, in which what was added or removed has no name."""
    text = json.dumps([resource.type, resource.properties, resource.on_deletion], sort_keys=True)
    for logical_id in sorted(ids, key=len, reverse=True):
        text = text.replace(json.dumps(logical_id), '"?"')
    return text


def _likeness(left: str, right: str) -> int:
    """Count the characters that two names have in common at their ends."""
    ends = 0
    while ends < min(len(left), len(right)) and left[-1 - ends] == right[-1 - ends]:
        ends += 1
    return ends
