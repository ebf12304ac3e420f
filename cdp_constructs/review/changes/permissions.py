"""Who may do more than before."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from cdp_constructs.review.cards.access import wide
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.changes.pairs import Pairs
from cdp_constructs.review.statements import Permission, permissions
from cdp_constructs.review.templates import Template
from cdp_constructs.review.values import Values

__all__ = ["broadened"]

_INVERTED = "all but "
_Atom = tuple[str, str, str, str, str]
"""Who may do what of which service on what, under which conditions."""
_FOREIGN = re.compile(r"^\d{12}$|:")
"""Somebody, and not a service."""


def broadened(old: Template, new: Template, pairs: Pairs) -> Iterator[Finding]:
    """Yield a finding for each principal that may do more, with what it might before.

    What a service may do for one of the stack's own resources follows from that resource, and is not told; neither is
    what was refused on something that is gone.
    """
    before, now = permissions(old), permissions(new)
    atoms_before = {atom for one in before if not one.denies for atom in _atoms(one)}
    allowed_before = {atom[0] for atom in atoms_before}
    names = {resource.name for resource in new.resources.values()}
    invoking = {resource.name for resource in new.of_type("AWS::Lambda::Permission")}
    logs = {resource.name for resource in new.of_type("AWS::Logs::LogGroup")}
    by_who: dict[str, list[Permission]] = {}
    for one in now:
        of_its_log = set(one.resources) <= logs and one.actions.startswith("logs ")
        if one.denies or of_its_log or _follows(one, names, invoking):
            continue
        if one.actions.startswith(_INVERTED) and any(_allows_as_much(other, one) for other in before):
            continue
        for who in one.who:
            if any(atom[0] == who and not _covered(atom, atoms_before) for atom in _atoms(one)):
                by_who.setdefault(who, []).append(one)
    for who, some in sorted(by_who.items()):
        yield _finding(who, some, before, new=who not in allowed_before)
    yield from _no_longer_denied(before, now, old, new)
    yield from _less_bounded(pairs, Values(old), Values(new))


_BOUNDS = {
    "AWS::IAM::Role": ("PermissionsBoundary",),
    "AWS::IAM::User": ("PermissionsBoundary",),
    "AWS::Lambda::Permission": ("SourceArn", "SourceAccount", "PrincipalOrgID"),
}
"""Properties that ask for more where they are there; whoever may invoke a function does so for its source only."""


_OPEN_WITHOUT = {"AWS::ApiGateway::RestApi": "Policy", "AWS::EC2::VPCEndpoint": "PolicyDocument"}
"""Policies that keep out: without one everybody comes in."""


def _less_bounded(pairs: Pairs, before: Values, now: Values) -> Iterator[Finding]:
    for was, one in pairs.same:
        policy = _OPEN_WITHOUT.get(one.type, "")
        if was.get(policy) and not one.get(policy):
            yield Finding(Kind.BROADENING, f"{one.name} has no policy any more, and keeps nobody out")
        lines = tuple(
            f"{name}   {before.text(was.get(name))} -> {now.text(one.get(name)) or 'none'}"
            for name in _BOUNDS.get(one.type, ())
            if was.get(name) and before.text(was.get(name)) != now.text(one.get(name))
        )
        if lines:
            yield Finding(Kind.BROADENING, f"{one.name} is bounded by something else", lines)


def _finding(who: str, some: list[Permission], before: Sequence[Permission], *, new: bool) -> Finding:
    services = {service for one in some for service in _services(one)}
    was = sorted(
        {one.sentence for one in before if who in one.who and not one.denies and services & _services(one)}
        - {one.sentence for one in some}
    )
    marks = sorted({f"now   {one.sentence}{'   WIDE' if wide(one) else ''}" for one in some})
    title = f"{who} is new, and may do something" if new else f"{who} may do more"
    return Finding(Kind.BROADENING, title, (*(f"was   {sentence}" for sentence in was), *marks))


def _allows_as_much(one: Permission, other: Permission) -> bool:
    """Whether a permission for all but some actions leaves out no more than another one for the same."""
    names, others = ({atom[1:3] for atom in _named(each)} for each in (one, other))
    return (
        not one.denies
        and one.actions.startswith(_INVERTED)
        and set(other.who) <= set(one.who)
        and set(other.resources) <= set(one.resources)
        and one.conditions in {"", other.conditions}
        and names <= others
    )


def _atoms(permission: Permission) -> Iterator[_Atom]:
    if permission.actions.startswith(_INVERTED):
        for who in permission.who:
            for resource in permission.resources:
                yield who, permission.actions, "", resource, permission.conditions
        return
    yield from _named(permission)


def _named(permission: Permission) -> Iterator[_Atom]:
    actions = permission.actions.removeprefix(_INVERTED)
    for part in actions.split("; "):
        service, _, names = part.partition(" ")
        for name in names.split(", "):
            for who in permission.who:
                for resource in permission.resources:
                    yield who, service, name.replace("(anything)", "*"), resource, permission.conditions


def _services(permission: Permission) -> set[str]:
    return {part.partition(" ")[0] for part in permission.actions.split("; ")}


def _covered(atom: _Atom, before: set[_Atom]) -> bool:
    """Whether a permission was there before, in the same or in wider words."""
    if atom in before:
        return True
    who, service, action, resource, conditions = atom
    return any(
        one[0] == who
        and one[1] in {service, "do"}
        and fnmatchcase(action, one[2])
        and fnmatchcase(resource, one[3])
        and one[4] in {"", conditions}
        for one in before
    )


def _follows(permission: Permission, names: set[str], invoking: set[str]) -> bool:
    """Whether a service may do something for a resource of the template only."""
    if any(who in names or who == "everybody" or "account" in who or _FOREIGN.search(who) for who in permission.who):
        return False
    if permission.policy in invoking and not permission.any_resource:
        return not permission.conditions
    return (
        any(re.search(rf"(?<![\w/]){re.escape(name)}(?![\w/])", permission.conditions) for name in names)
        or "aws:SourceAccount is (account)" in permission.conditions
    )


def _no_longer_denied(
    before: Sequence[Permission], now: Sequence[Permission], old: Template, new: Template
) -> Iterator[Finding]:
    still = {atom for one in now if one.denies for atom in _atoms(one)}
    left = {one.name for one in old.resources.values()} - {resource.name for resource in new.resources.values()}
    for one in before:
        if not one.denies or set(one.who) <= left:
            continue
        refused = {atom[3] for atom in _atoms(one) if atom[0] not in left and not _covered(atom, still)}
        gone = [resource for resource in one.resources if resource in refused and not _is_there(resource, left)]
        if gone:
            sentence = f"was   {', '.join(one.who)} {one.sentence}"
            yield Finding(
                Kind.BROADENING, f"nothing refuses any more what was refused on {', '.join(gone)}", (sentence,)
            )


def _is_there(resource: str, names: set[str]) -> bool:
    return any(resource == name or resource.startswith(f"{name}/") for name in names)
