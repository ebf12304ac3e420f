"""The SQL of a rule and the templates of its actions, ready to be evaluated."""

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.services.iot.sql import nodes
from cdp_constructs.local.services.iot.sql.casts import CASTS
from cdp_constructs.local.services.iot.sql.compilation import (
    FUNCTIONS,
    NOT_EXECUTED,
    compiled,
    not_executed,
    projection,
)
from cdp_constructs.local.services.iot.sql.functions.context import ASKING
from cdp_constructs.local.services.iot.sql.message import Evaluate, EvaluationError, Message
from cdp_constructs.local.services.iot.sql.parser import parse, parse_template
from cdp_constructs.local.services.iot.sql.tokens import SqlError
from cdp_constructs.local.services.iot.sql.values import UNDEFINED, as_text

__all__ = ["Statement", "Template", "statement_of", "template_of"]

_KEPT = 4096
_DEEPEST = 200
_ONCE = "get_dynamodb"


@dataclass(frozen=True)
class Statement:
    """The SQL of a rule.

    Attributes:
        topic_filter: The topics whose messages are selected.
        variables: The names of its variables.
        asks: Whether it asks other services, and so waits.
        not_executed: Functions in it that the embedded cloud does not execute.
    """

    topic_filter: str
    variables: frozenset[str]
    asks: bool
    not_executed: tuple[str, ...]
    _set: Sequence[tuple[str, Evaluate]]
    _where: Evaluate | None
    _select: Evaluate
    _problem: str | None

    def select(self, message: Message) -> Any:
        """Return what is selected of a message; Undefined when WHERE does not select it.

        The variables are in the message afterwards.

        Raises:
            EvaluationError: a function failed, or is not executed.
        """
        if self._problem is not None:
            raise EvaluationError(self._problem, _ONCE)
        scope = message.document
        for name, evaluate in self._set:
            message.variables[name] = evaluate(message, scope)
        if self._where is not None and self._where(message, scope) is not True:
            return UNDEFINED
        selected = self._select(message, scope)
        # Undefined by itself is serialized as nothing.
        return b"" if selected is UNDEFINED else selected


@dataclass(frozen=True)
class Template:
    """A field of an action with `${…}` in it.

    Attributes:
        asks: Whether it asks other services, and so waits.
        not_executed: Functions in it that the embedded cloud does not execute.
    """

    asks: bool
    not_executed: tuple[str, ...]
    _parts: Sequence[Evaluate]

    def fill(self, message: Message) -> str:
        """Return the field for a message.

        Raises:
            EvaluationError: a function failed, or is not executed.
        """
        return "".join(_written(part(message, message.document)) for part in self._parts)


def _written(value: Any) -> str:
    if value is UNDEFINED:
        return "undefined"
    text = as_text(value)
    return json.dumps(value) if text is None else text


def _checked(text: str, *parts: nodes.Node | None) -> list[nodes.Node]:
    if any(part is not None and nodes.depth(part) > _DEEPEST for part in parts):
        # A limit of our own: each level is a call of Python, whose limit differs from process to process.
        raise SqlError(f"An expression has more than {_DEEPEST} operators in a row", text, 0)
    found = [node for part in parts if part is not None for node in nodes.walk(part)]
    for node in found:
        if isinstance(node, nodes.Call) and node.name not in {*FUNCTIONS, *NOT_EXECUTED, "get_or_default"}:
            raise SqlError(f"Unknown function {node.name}", text, node.at)
        if isinstance(node, nodes.Cast) and node.type not in CASTS:
            raise SqlError(f"Unknown type {node.type}", text, node.at)
    return found


def _asks(found: Sequence[nodes.Node]) -> bool:
    return any(isinstance(node, nodes.Call) and node.name in ASKING for node in found)


def _missing(found: Sequence[nodes.Node]) -> tuple[str, ...]:
    def names() -> Iterator[str]:
        for node in found:
            if name := not_executed(node):
                yield name

    return tuple(sorted(set(names())))


@functools.lru_cache(maxsize=_KEPT)
def statement_of(sql: str) -> Statement:
    """Return the SQL of a rule, which is read once.

    Raises:
        SqlError: AWS IoT would refuse it.
    """
    rule = parse(sql)
    found = _checked(sql, *(node for _name, node in rule.variables), rule.select, rule.where)
    once = sum(isinstance(node, nodes.Call) and node.name == _ONCE for node in found) <= 1
    return Statement(
        rule.topic_filter,
        frozenset(name for name, _node in rule.variables),
        _asks(found),
        _missing(found),
        [(name, compiled(node)) for name, node in rule.variables],
        None if rule.where is None else _is_true(compiled(rule.where)),
        projection(rule.select),
        None if once else f"{_ONCE} may be called once in an SQL statement",
    )


def _is_true(where: Evaluate) -> Evaluate:
    def decide(message: Message, scope: Any) -> bool:
        value = where(message, scope)
        return value is True or (isinstance(value, str) and value.lower() == "true")

    return decide


@functools.lru_cache(maxsize=_KEPT)
def template_of(text: str, variables: frozenset[str] = frozenset()) -> Template:
    """Return a field of an action, which is read once.

    Args:
        text: The field.
        variables: The variables of the rule's SQL.

    Raises:
        SqlError: an expression in it cannot be read.
    """
    parts = parse_template(text, variables)
    found = _checked(text, *parts)
    return Template(_asks(found), _missing(found), [compiled(part) for part in parts])
