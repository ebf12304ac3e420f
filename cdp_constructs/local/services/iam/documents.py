"""IAM: the grammar of policy documents.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html. The messages are those of IAM where it
has one. Whether actions and services exist is not looked at.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

__all__ = ["Kind", "parsed", "problem_of", "size_of", "wrong_resource"]

_VERSIONS = {"2008-10-17", "2012-10-17"}
_IN_DOCUMENT = {"Version", "Id", "Statement"}
_ALTERNATIVES = (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal"))
_IN_STATEMENT = {"Sid", "Effect", "Condition", *(name for pair in _ALTERNATIVES for name in pair)}
_PRINCIPALS = {"AWS", "CanonicalUser", "Federated", "Service"}
_SID_OF_IAM = re.compile(r"[0-9A-Za-z]*")
# An account, an ARN without wildcards, or the id that stays of a principal that was deleted.
_AWS_PRINCIPAL = re.compile(r"\*|\d{12}|arn:[^*?]+|A[A-Z]{2}A[A-Z0-9]{12,}")
_ACTION = re.compile(r"\*|[\w.*?-]+:[\w*?-]+")


class Kind(Enum):
    """What a policy is of: it decides which elements a statement must have, and which it must not have."""

    IDENTITY = "identity"
    TRUST = "trust"
    RESOURCE = "resource"
    REPOSITORY = "repository"
    """Of a repository of Amazon ECR: a statement names no resource."""
    FILE_SYSTEM = "file system"
    """Of a file system: a statement need not name the resource."""


_OF_IAM = {Kind.IDENTITY, Kind.TRUST}
_WITHOUT_RESOURCE = {Kind.TRUST, Kind.REPOSITORY}


def parsed(document: Any) -> Any:
    """Return a policy document that may be a text as an object.

    Raises:
        ValueError: It is no JSON.
    """
    return json.loads(document) if isinstance(document, str) else document


def size_of(document: Any, *, as_sent: bool = False) -> int:
    """Return the bytes of a policy document; white space counts only with `as_sent`."""
    if as_sent and isinstance(document, str):
        return len(document.encode())
    return len(json.dumps(parsed(document), separators=(",", ":"), ensure_ascii=False).encode())


def problem_of(document: Any, kind: Kind) -> str | None:
    """Return why IAM would refuse a policy document, as text or as an object; None for one that it takes."""
    return next(_problems(document, kind), None)


def wrong_resource(document: Any) -> str | None:
    """Return which resource of a client's valid identity policy is no ARN; None when all are.

    In a template, a resource may be the `Ref` of another one, which gives an ARN on AWS and a name here.
    """
    statements = parsed(document)["Statement"]
    for statement in [statements] if isinstance(statements, Mapping) else statements:
        for resource in _texts(statement.get("Resource", statement.get("NotResource"))) or ():
            if resource != "*" and not resource.startswith(("arn:", "*:", "${")):
                return resource
    return None


def _problems(document: Any, kind: Kind) -> Iterator[str]:
    try:
        document = parsed(document)
    except (RecursionError, ValueError):
        yield "This policy contains invalid Json"
        return
    if not isinstance(document, Mapping):
        yield "Syntax errors in policy: it is not an object."
        return
    if unknown := sorted(document.keys() - _IN_DOCUMENT):
        yield f"Syntax errors in policy: unknown element {unknown[0]}."
    if document.get("Version", "2012-10-17") not in _VERSIONS:
        yield "The policy must contain a valid version string"
    statements = document.get("Statement")
    listed = [statements] if isinstance(statements, Mapping) else statements
    if not isinstance(listed, list) or not listed:
        yield "Missing required field Statement"
        return
    for statement in listed:
        yield from _in_statement(statement, kind)
    sids = [statement["Sid"] for statement in listed if statement.get("Sid")]
    if len(sids) != len(set(sids)):
        yield "Statement IDs (SID) in a single policy must be unique."


def _in_statement(statement: Any, kind: Kind) -> Iterator[str]:
    if not isinstance(statement, Mapping):
        yield "Syntax errors in policy: a statement is not an object."
        return
    if unknown := sorted(statement.keys() - _IN_STATEMENT):
        yield f"Syntax errors in policy: unknown element {unknown[0]}."
    for pair in _ALTERNATIVES:
        if set(pair) <= statement.keys():
            yield f"Syntax errors in policy: a statement has {pair[0]} or {pair[1]}, not both."
    if statement.get("Effect") not in {"Allow", "Deny"}:
        yield f"Invalid effect: {statement['Effect']}" if "Effect" in statement else "Missing required field Effect"
    sid = statement.get("Sid", "")
    if not isinstance(sid, str) or (kind in _OF_IAM and not _SID_OF_IAM.fullmatch(sid)):
        yield f"Statement IDs (SID) must be alpha-numeric: {sid}"
    if not isinstance(statement.get("Condition", {}), Mapping):
        yield "Syntax errors in policy: Condition is not an object."
    yield from _actions(statement, kind)
    yield from _principals(statement, kind)
    yield from _resources(statement, kind)


def _texts(value: Any) -> Sequence[str] | None:
    """Return the texts of an element that takes one or a list; None where it has something else."""
    listed = value if isinstance(value, list) else [value]
    return listed if listed and all(isinstance(one, str) and one for one in listed) else None


def _actions(statement: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    actions = _texts(statement.get("Action", statement.get("NotAction")))
    if actions is None:
        yield "Policy statement must contain actions."
        return
    if wrong := [action for action in actions if not _ACTION.fullmatch(action)]:
        yield f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {wrong[0]}"
    if kind is Kind.TRUST and not all(action.lower().startswith("sts:") for action in actions):
        yield "AssumeRole policy may only specify STS AssumeRole actions."


def _resources(statement: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    named = statement.keys() & {"Resource", "NotResource"}
    if kind in _WITHOUT_RESOURCE:
        if named:
            yield "Has prohibited field Resource"
        return
    if kind is Kind.FILE_SYSTEM and not named:
        return
    resources = _texts(statement.get("Resource", statement.get("NotResource")))
    if resources is None:
        yield "Policy statement must contain resources."


def _principals(statement: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    given = statement.get("Principal", statement.get("NotPrincipal"))
    if kind is Kind.IDENTITY:
        if given is not None:
            yield "Policy document should not specify a principal."
        return
    if given is None:
        yield "Missing required field Principal"
        return
    if given == "*":
        return
    if not isinstance(given, Mapping) or not given:
        yield f"Invalid principal in policy: {json.dumps(given)}"
        return
    for name, value in given.items():
        for one in _texts(value) or [json.dumps(value)]:
            if name not in _PRINCIPALS or not _is_principal(name, one):
                yield f'Invalid principal in policy: "{name.upper()}":"{one}"'


def _is_principal(name: str, value: str) -> bool:
    if name == "AWS":
        return _AWS_PRINCIPAL.fullmatch(value) is not None
    return bool(value) and (name != "Service" or "." in value or value == "*")
