"""Who may do more than before."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from cdp_constructs.review.cards.access import wide
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.statements import Permission, permissions
from cdp_constructs.review.templates import Template

__all__ = ["broadened"]

_Atom = tuple[str, str, str, str, str]
"""Who may do what of which service on what, under which conditions."""


def broadened(old: Template, new: Template) -> Iterator[Finding]:
    """Yield a finding for each principal that may do more, with what it might before.

    What a service may do for one of the stack's own resources follows from that resource, and is not told; neither is
    what was refused on something that is gone.
    """
    before, now = permissions(old), permissions(new)
    atoms_before = {atom for one in before if not one.denies for atom in _atoms(one)}
    allowed_before = {atom[0] for atom in atoms_before}
    names = {resource.name for resource in new.resources.values()}
    logs = {resource.name for resource in new.of_type("AWS::Logs::LogGroup")}
    by_who: dict[str, list[Permission]] = {}
    for one in now:
        if one.denies or _follows(one, names) or (set(one.resources) <= logs and one.actions.startswith("logs ")):
            continue
        for who in one.who:
            if any(atom[0] == who and not _covered(atom, atoms_before) for atom in _atoms(one)):
                by_who.setdefault(who, []).append(one)
    for who, some in sorted(by_who.items()):
        yield _finding(who, some, before, new=who not in allowed_before)
    yield from _no_longer_denied(before, now, old, new)


def _finding(who: str, some: list[Permission], before: Sequence[Permission], *, new: bool) -> Finding:
    services = {service for one in some for service in _services(one)}
    was = sorted(
        {one.sentence for one in before if who in one.who and not one.denies and services & _services(one)}
        - {one.sentence for one in some}
    )
    marks = sorted({f"now   {one.sentence}{'   WIDE' if wide(one) else ''}" for one in some})
    title = f"{who} is new, and may do something" if new else f"{who} may do more"
    return Finding(Kind.BROADENING, title, (*(f"was   {sentence}" for sentence in was), *marks))


def _atoms(permission: Permission) -> Iterator[_Atom]:
    for part in permission.actions.split("; "):
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


def _follows(permission: Permission, names: set[str]) -> bool:
    """Whether a service may do something for a resource of the template only."""
    if any(who in names or who == "everybody" or "account" in who for who in permission.who):
        return False
    if permission.policy and "invoke" in permission.actions.lower() and not permission.any_resource:
        return not permission.conditions
    return (
        any(name in permission.conditions for name in names)
        or "aws:SourceAccount is (account)" in permission.conditions
    )


def _no_longer_denied(
    before: Sequence[Permission], now: Sequence[Permission], old: Template, new: Template
) -> Iterator[Finding]:
    still = {
        (one.who, one.actions, resource, one.conditions) for one in now if one.denies for resource in one.resources
    }
    there = {resource.name for resource in new.resources.values()} & {one.name for one in old.resources.values()}
    for one in before:
        gone = [
            resource
            for resource in one.resources
            if one.denies
            and (one.who, one.actions, resource, one.conditions) not in still
            and (_is_there(resource, there) or (resource == "*" and not there.isdisjoint(one.who)))
        ]
        if gone:
            sentence = f"was   {', '.join(one.who)} {one.sentence}"
            yield Finding(
                Kind.BROADENING, f"nothing refuses any more what was refused on {', '.join(gone)}", (sentence,)
            )


def _is_there(resource: str, names: set[str]) -> bool:
    return any(resource == name or resource.startswith(f"{name}/") for name in names)
