"""What AWS IoT SQL consists of, as the parser reads it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

__all__ = [
    "Attribute",
    "Call",
    "Case",
    "Cast",
    "Constant",
    "Exists",
    "Field",
    "In",
    "Item",
    "Items",
    "Like",
    "Node",
    "Operation",
    "Pairs",
    "Query",
    "Select",
    "Star",
    "Variable",
    "depth",
    "walk",
]


@dataclass(frozen=True)
class Node:
    """A part of an expression."""


@dataclass(frozen=True)
class Constant(Node):
    """A number, a string, a Boolean or Null."""

    value: Any


@dataclass(frozen=True)
class Star(Node):
    """The whole message, or the whole element in a nested query."""


@dataclass(frozen=True)
class Attribute(Node):
    """An attribute of the message, or of the element in a nested query."""

    name: str


@dataclass(frozen=True)
class Variable(Node):
    """A variable of the SET clause."""

    name: str
    at: int


@dataclass(frozen=True)
class Field(Node):
    """`base.name`."""

    base: Node
    name: str


@dataclass(frozen=True)
class Item(Node):
    """`base[index]`."""

    base: Node
    index: Node


@dataclass(frozen=True)
class Call(Node):
    """A function with its arguments."""

    name: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True)
class Cast(Node):
    """`CAST(value AS type)`."""

    value: Node
    type: str
    at: int


@dataclass(frozen=True)
class Operation(Node):
    """An operator with one or two operands."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class In(Node):
    """`value IN choices`: the choices are a list of expressions, or one that is an array."""

    value: Node
    choices: Node


@dataclass(frozen=True)
class Like(Node):
    """`value LIKE pattern`."""

    value: Node
    pattern: str


@dataclass(frozen=True)
class Case(Node):
    """`CASE value WHEN … THEN … ELSE … END`."""

    value: Node
    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True)
class Items(Node):
    """An array."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Pairs(Node):
    """An object."""

    pairs: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Select(Node):
    """What is selected: the value of one expression, or expressions with their names.

    Attributes:
        value: The expression of SELECT VALUE.
        fields: Otherwise: the path of the name, empty for all attributes (`*`), and the expression.
    """

    value: Node | None
    fields: tuple[tuple[tuple[str, ...], Node], ...]


@dataclass(frozen=True)
class Query(Node):
    """A nested query over an array or an object.

    Attributes:
        select: What is selected.
        source: The array or the object.
        alias: The name of the element in the query, if it has one.
        where: Which elements are selected.
    """

    select: Select
    source: Node
    alias: str | None
    where: Node | None


@dataclass(frozen=True)
class Exists(Node):
    """Whether a nested query selects anything."""

    query: Query


def _parts(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _parts(part)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all that it contains."""
    return (found for found, _depth in _walk(node))


def depth(node: Node) -> int:
    """Return how many nodes contain each other, at the deepest place."""
    return max(deep for _found, deep in _walk(node))


def _walk(node: Node) -> Iterator[tuple[Node, int]]:
    # A list and not recursion: `a + b + c + …` is as deep as it is long.
    waiting = [(node, 1)]
    while waiting:
        found, deep = waiting.pop()
        yield found, deep
        waiting += [(part, deep + 1) for field in fields(found) for part in _parts(getattr(found, field.name))]
