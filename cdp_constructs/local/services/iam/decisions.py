"""IAM: a decision that has been made is remembered for the same question.

A decision follows from the statements, the action, the resource and the values of the condition keys that the
statements name. While these are the same it is the same, so that a request costs a look-up for each of its policies. A
policy that is changed is another one, and statements that ask for the time or the organization are always evaluated.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace

_evaluator: Any = ministack.module("core.iam_evaluator", "_resolve_condition_key")

__all__ = ["Statements", "known"]

_CACHED = 1024
_DECISIONS = 4096
_VARIABLE = re.compile(r"\$\{\s*([\w:/.-]+)")
_FROM_ELSEWHERE = frozenset({"aws:currenttime", "aws:epochtime", "aws:principalorgid"})
"""Condition keys whose values do not come from the request."""


class Statements(list[Any]):
    """The parsed statements of a document, which never change; `keys` are the condition keys that they name."""

    def __init__(self, statements: Sequence[Any]) -> None:
        super().__init__(statements)
        self.keys = frozenset(key for statement in statements for key in _named(statement))


def _named(statement: Any) -> Iterator[str]:
    conditions = statement.conditions if isinstance(statement.conditions, dict) else {}
    for keys in conditions.values():
        yield from (key.lower() for key in keys if isinstance(keys, dict))
    texts = (*statement.resources, *statement.not_resources, str(statement.conditions))
    yield from (name.lower() for text in texts for name in _VARIABLE.findall(text))


@replace("ministack.core.iam_evaluator:parse_policy_document")
def _parse_once(original: Callable[..., Any]) -> Callable[..., Any]:
    """Parse a document once, and not twice for each request; documents are replaced, never changed."""
    parse_text = lru_cache(_CACHED)(lambda text: Statements(original(text)))

    def parse(document: str | dict[str, Any]) -> Any:
        return parse_text(document) if isinstance(document, str) else original(document)

    return parse


@dataclass(frozen=True)
class _Caller:
    """Stands for a request where the question is which statements of a resource's policy are about the caller."""

    principal_arn: str


@replace("ministack.core.iam_evaluator:evaluate_resource_policy")
def _choose_once(original: Callable[..., Any]) -> Callable[..., Any]:
    @lru_cache(_CACHED)
    def about(document: str, caller: _Caller, service: str | None, **how: bool) -> Statements:
        # What `evaluate` below returns for a caller.
        return Statements(original(document, caller, service, **how))

    def evaluate(document: Any, context: Any, service: str | None = None, **how: bool) -> Any:
        if not isinstance(document, str):
            return original(document, context, service, **how)
        return _evaluator.evaluate(context, [about(document, _Caller(context.principal_arn), service, **how)])

    return evaluate


@dataclass
class _Decided:
    """What was decided by the same statements."""

    layers: tuple[Any, ...]
    """The statements, so that no others get their ids."""
    keys: tuple[str, ...]
    decisions: dict[Any, Any] = field(default_factory=dict)


_decided: dict[tuple[tuple[int, ...], ...], _Decided] = {}
"""By the ids of the statements of each layer."""


def known(layers: tuple[Any, ...]) -> _Decided | None:
    """Return what was decided by the statements; None for those that have to be evaluated each time."""
    identity = tuple(tuple(map(id, layer)) for layer in layers)
    found = _decided.get(identity)
    if found is None:
        lists = [statements for layer in layers for statements in layer]
        if not all(type(statements) is Statements for statements in lists):
            return None
        keys = frozenset[str]().union(*(statements.keys for statements in lists))
        if keys & _FROM_ELSEWHERE:
            return None
        if len(_decided) >= _CACHED:
            _decided.clear()
        found = _decided[identity] = _Decided(tuple(map(tuple, layers)), tuple(sorted(keys)))
    return found


@patch("ministack.core.iam_evaluator:evaluate")
def _evaluate(original: Callable[..., Any], context: Any, *layers: Any) -> Any:
    if isinstance(context, _Caller):
        return layers[0][0]
    before = known(layers)
    if before is None:
        return original(context, *layers)
    values = (_evaluator._resolve_condition_key(key, context) for key in before.keys)
    question = (
        context.action,
        context.resource_arn,
        tuple(tuple(value) if isinstance(value, list) else value for value in values),
    )
    decision = before.decisions.get(question)
    if decision is None:
        if len(before.decisions) >= _DECISIONS:
            before.decisions.clear()
        decision = before.decisions[question] = original(context, *layers)
    # A copy, because who asked writes the caller into it.
    return dataclasses.replace(decision, principal_arn=context.principal_arn)


@replace("ministack.core.iam_evaluator:fnmatch_iam")
def _match_once(original: Callable[..., bool]) -> Callable[..., bool]:
    return lru_cache(_DECISIONS)(original)


@replace("ministack.core.iam_evaluator:fnmatch_iam_cs")
def _match_case_once(original: Callable[..., bool]) -> Callable[..., bool]:
    return lru_cache(_DECISIONS)(original)
