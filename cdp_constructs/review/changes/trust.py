"""Who may assume a role that could not before, or under less conditions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from cdp_constructs.review.changes.conditions import Conditions, as_strict, conditions_of
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.changes.pairs import Pairs
from cdp_constructs.review.statements import conditions_text, principals
from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import Values

__all__ = ["TRUST", "trust_is_wider", "trusted"]

TRUST = "AssumeRolePolicyDocument"
"""The property of a role that says who may assume it."""

_EVERYBODY = "everybody"
_ACCOUNT = re.compile(r"\d{12}")
# What a principal of an account is written as, the account's own without its number.
_OF_ACCOUNT = "(iam|sts)"


@dataclass(frozen=True)
class _Trust:
    """That somebody may assume a role, or must not.

    Attributes:
        who: The principal.
        action: Such as ``sts:AssumeRole``.
        conditions: What must hold.
        written: The same as a clause.
        denies: Whether it refuses.
        service: Whether the principal is a service of AWS.
    """

    who: str
    action: str
    conditions: Conditions = field(hash=False)
    written: str
    denies: bool
    service: bool

    @property
    def sentence(self) -> str:
        """Who may do what, and when."""
        verb = "must not" if self.denies else "may"
        name = self.action.removeprefix("sts:")
        doing = "assume it" if name == "AssumeRole" else f"assume it ({name})" if "Assume" in name else name
        return f"{self.who} {verb} {doing}" + (f", {self.written}" if self.written else "")

    def covers(self, other: "_Trust", inside: frozenset[str]) -> bool:
        """Return whether it is about all that another one is about."""
        return (
            _includes(self.who, other.who, inside)
            and fnmatchcase(other.action.lower(), self.action.lower())
            and as_strict(other.conditions, self.conditions)
        )


def trusted(old: Template, new: Template, pairs: Pairs) -> Iterator[Finding]:
    """Yield a finding for each role that more may assume, and for each new one that somebody outside may assume.

    A service that may assume a new role follows from what the role is for.
    """
    for one, other in _roles(pairs):
        before, now = _statements(one, old), _statements(other, new)
        if added := _added(before, now, new):
            lines = [f"was   {each}" for each in _sentences(before) if each not in _sentences(now)]
            yield _finding(f"role {other.name} may be assumed by more", [*lines, *added])
    for role in pairs.added:
        if role.type == "AWS::IAM::Role":
            outside = [each for each in _statements(role, new) if not (each.service or each.denies)]
            inside = _inside(new)
            if told := [each for each in outside if not _includes("this account", each.who, inside)]:
                yield _finding(f"role {role.name} is new, and others may assume it", _marked(told))


def trust_is_wider(old: Resource, new: Resource, before: Template, now: Template) -> bool:
    """Return whether more may assume a role than before."""
    return bool(_added(_statements(old, before), _statements(new, now), now))


def _finding(title: str, lines: list[str]) -> Finding:
    return Finding(Kind.BROADENING, title, tuple(dict.fromkeys(lines)))


def _roles(pairs: Pairs) -> Iterator[tuple[Resource, Resource]]:
    yield from ((one, other) for one, other in (*pairs.same, *pairs.renamed) if one.type == "AWS::IAM::Role")


def _added(before: list[_Trust], now: list[_Trust], new: Template) -> list[str]:
    """Return a line for each who may assume a role now and could not, and for each refusal that is gone."""
    inside = _inside(new)
    allowed = [one for one in before if not one.denies]
    more = [one for one in now if not one.denies and not any(other.covers(one, inside) for other in allowed)]
    refused = [one for one in now if one.denies]
    gone = [one for one in before if one.denies and not any(other.covers(one, inside) for other in refused)]
    return [*_marked(more), *(f"nothing refuses any more: {each}" for each in _sentences(gone))]


def _marked(some: list[_Trust]) -> list[str]:
    wide = {one.sentence for one in some if one.who == _EVERYBODY and not one.conditions}
    return [f"now   {each}{'   WIDE' if each in wide else ''}" for each in _sentences(some)]


def _sentences(some: list[_Trust]) -> list[str]:
    return sorted({one.sentence for one in some})


def _statements(role: Resource, template: Template) -> list[_Trust]:
    document, values = role.get(TRUST), Values(template)
    statements = document.get("Statement", []) if isinstance(document, Mapping) else []
    return [
        trust
        for statement in (statements if isinstance(statements, list) else [statements])
        if isinstance(statement, Mapping)
        for trust in _trusts(statement, values)
    ]


def _trusts(statement: Mapping[str, Any], values: Values) -> Iterator[_Trust]:
    kinds = statement.get("Principal")
    services = kinds.get("Service", []) if isinstance(kinds, Mapping) else []
    of_aws = principals({"Principal": {"Service": services}}, values) if services else ()
    conditions = statement.get("Condition", {})
    inverted = "all but " if "NotAction" in statement else ""
    for who in principals(statement, values):
        for action in values.texts(statement.get("NotAction", statement.get("Action", []))):
            yield _Trust(
                who=values.text(f"arn:aws:iam::{who}:root") if _ACCOUNT.fullmatch(who) else who,
                action=inverted + action,
                conditions=conditions_of(conditions, values),
                written=conditions_text(conditions, values),
                denies=statement.get("Effect") == "Deny",
                service=who in of_aws,
            )


def _inside(template: Template) -> frozenset[str]:
    """Return the names of what is in this account, because the template makes it."""
    return frozenset(one.name for one in template.resources.values() if one.type.startswith("AWS::IAM::"))


def _includes(one: str, other: str, inside: frozenset[str]) -> bool:
    """Return whether a principal is another one, or an account or everybody to whom the other one belongs."""
    if one in {other, _EVERYBODY}:
        return True
    if one == "this account":
        return other in inside or re.match(rf"{_OF_ACCOUNT}:(?!\d{{12}}:)", other) is not None
    account = re.fullmatch(r"account (\d{12})", one)
    return account is not None and re.match(rf"{_OF_ACCOUNT}:{account[1]}:", other) is not None
