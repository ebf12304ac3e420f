"""Replaced, renamed and removed resources that hold data, and protection that they lost."""

import re
from collections import defaultdict
from collections.abc import Iterator

from cdp_constructs.review.cards.storage import STATEFUL, store
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.changes.pairs import Pairs
from cdp_constructs.review.changes.properties import changed_properties, replacing
from cdp_constructs.review.templates import Resource, Template, references
from cdp_constructs.review.values import Values, listed

__all__ = ["data", "holds_data"]

_PASSING = {"AWS::SNS::Topic", "AWS::SQS::Queue"}
"""What keeps messages on their way only."""
_ENDS = {
    "Delete": "the old one is DELETED with what is in it",
    "Retain": "the old one stays, and nothing uses it",
    "RetainExceptOnCreate": "the old one stays, and nothing uses it",
    "Snapshot": "a snapshot of the old one stays",
}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MANY = 8
_FOR_EVER = "for ever"
_LENGTH = re.compile(r"(\d+) (second|minute|hour|day)s?")
_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_EXPIRES = re.compile(r"(?<!recovery of )\b\d+ days?$| until ")
"""What is deleted after a time: a rule that is new keeps less."""


def holds_data(resource: Resource) -> bool:
    """Whether users miss something when a resource is made anew."""
    return resource.type in STATEFUL and resource.type not in _PASSING


def data(old: Template, new: Template, pairs: Pairs) -> Iterator[Finding]:
    """Yield what happened to resources that hold data, and to the protection of what holds messages, too."""
    before, now = Values(old), Values(new)
    yield from _of_stacks(old, new)
    for one in pairs.removed:
        if holds_data(one):
            yield Finding(Kind.REPLACEMENT, f"{_called(one)} is removed", (_end(one.on_deletion),))
    for one, other in pairs.renamed:
        if holds_data(one):
            details = (
                f"{one.logical_id} -> {other.logical_id}: for CloudFormation another resource, which starts EMPTY",
                _end(one.on_deletion),
                *_followers(other, new),
            )
            yield Finding(Kind.REPLACEMENT, f"{_called(one, before=old)} is renamed, so it is replaced", details)
    for one, other in pairs.same:
        changes = replacing(one.type, changed_properties(one, other, before, now))
        if changes and holds_data(one):
            cannot = "cannot be changed in place: CloudFormation makes a new, EMPTY one"
            details = (*map(str, changes), cannot, _end(one.on_replacement), *_followers(other, new))
            yield Finding(Kind.REPLACEMENT, f"{_called(other)} is replaced", details)
    alike: dict[tuple[Kind, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for one, other in (*pairs.same, *pairs.renamed):
        if one.type in STATEFUL and (lines := _protection(one, other, before, now)):
            kind = Kind.OTHER if _is_stronger(one, other, before, now) else Kind.RETENTION
            alike[kind, STATEFUL[one.type][0], lines].append(other.name)
    for (kind, word, lines), names in alike.items():
        what = f"{word} {names[0]}" if len(names) == 1 else f"{len(names)} {word}s ({listed(names)})"
        said = "better protected" if kind == Kind.OTHER else "encryption, retention or protection changed"
        yield Finding(kind, f"{what}: {said}", lines)


def _of_stacks(old: Template, new: Template) -> Iterator[Finding]:
    """Yield what assemblies say of a stack that both have: where it is, and whether it may be deleted."""
    if not old.resources or not new.resources:
        return
    there, here = ([part for part in (one.account, one.region) if part] for one in (old, new))
    if there and here and there != here and any(holds_data(one) for one in old.resources.values()):
        moved = f"{' '.join(there)} -> {' '.join(here)}: another stack, whose data starts EMPTY; the old one stays"
        yield Finding(Kind.REPLACEMENT, f"stack {new.name} is elsewhere", (moved,))
    elif old.protected and not new.protected:
        yield Finding(Kind.RETENTION, f"stack {new.name} is protected from deletion no more")


def _called(resource: Resource, before: Template | None = None) -> str:
    name = before.resources[resource.logical_id].name if before else resource.name
    return f"{STATEFUL[resource.type][0]} {name}"


def _end(policy: str) -> str:
    return _ENDS.get(policy, f"the old one: {policy}")


def _followers(resource: Resource, template: Template) -> Iterator[str]:
    others = (one for one in template.resources.values() if one is not resource)
    users = sorted({one.name for one in others if resource.logical_id in references(one.properties)})
    if users:
        shown = listed(users[:_MANY]) + (f" and {len(users) - _MANY} more" if len(users) > _MANY else "")
        yield f"use the new one: {shown}"


def _protection(old: Resource, new: Resource, before: Values, now: Values) -> tuple[str, ...]:
    """Return what changed of what keeps its data safe."""
    was, is_ = store(old, before), store(new, now)
    return tuple(
        f"{what}   {left or 'nothing'} -> {right or 'nothing'}"
        for what, left, right in (
            ("key", was.key, is_.key),
            ("kept", was.keeps, is_.keeps),
            ("end", was.leaves, is_.leaves),
        )
        if left != right
    )


def _is_stronger(old: Resource, new: Resource, before: Values, now: Values) -> bool:
    was, is_ = store(old, before), store(new, now)
    return was.key == is_.key and _more(was.keeps, is_.keeps) and _kept(was.leaves, is_.leaves)


def _more(left: str, right: str) -> bool:
    """Whether the second text says the same with numbers as large, or without something that the first misses."""
    if right in {left, _FOR_EVER}:
        return True
    if (one := _seconds(left)) is not None and (other := _seconds(right)) is not None:
        return one <= other
    if _NUMBER.sub("#", left) == _NUMBER.sub("#", right):
        pairs = zip(_NUMBER.findall(left), _NUMBER.findall(right), strict=True)
        return all(float(one) <= float(other) for one, other in pairs)
    missing = {part for part in left.split("; ") if part.startswith(("no ", "not "))}
    return set(left.split("; ")) - missing <= set(right.split("; ")) and not any(
        part.startswith(("no ", "not ")) or _EXPIRES.search(part)
        for part in set(right.split("; ")) - set(left.split("; "))
    )


def _seconds(text: str) -> float | None:
    """Return a length of time in seconds; None for what is none."""
    match = _LENGTH.fullmatch(text)
    return None if match is None else float(match[1]) * _UNITS[match[2]]


def _kept(left: str, right: str) -> bool:
    return left == right or right.startswith("retained on deletion and")
