"""Reads what the operators of AWS IoT SQL have as operands: constants, attributes, calls, queries."""

from abc import ABC, abstractmethod
from decimal import Decimal

from cdp_constructs.local.services.iot.sql.nodes import (
    Attribute,
    Call,
    Case,
    Cast,
    Constant,
    Exists,
    Field,
    Items,
    Node,
    Pairs,
    Query,
    Select,
    Star,
    Variable,
)
from cdp_constructs.local.services.iot.sql.reader import Reader
from cdp_constructs.local.services.iot.sql.tokens import SqlError, Token, scan
from cdp_constructs.local.services.iot.sql.values import from_decimal

__all__ = ["Primaries"]

_RESERVED = {"SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "IN", "CASE", "WHEN", "THEN", "ELSE", "END"}
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}
_AFTER_AN_ATTRIBUTE = {"FROM", "WHERE", "AS", "AND", "OR", "IN", "IS", "LIKE", "BETWEEN"}
_OPENING = {"(": "_group", "[": "_array", "{": "_object", "*": "_star", "CASE": "_case"}


class Primaries(Reader, ABC):
    """A parser of SELECT clauses and operands."""

    @abstractmethod
    def expression(self) -> Node:
        """Read an expression."""

    @abstractmethod
    def operand(self) -> Node:
        """Read an expression without comparisons, AND, OR and NOT."""

    def select(self) -> Select:
        """Read what follows SELECT, up to FROM."""
        if self.token.word == "VALUE" and self._begins(scan(self.text, self.token.end)):
            self.advance()
            return Select(self.expression(), ())
        fields = [self._field()]
        while self.take(","):
            fields.append(self._field())
        return Select(None, tuple(fields))

    def _begins(self, token: Token) -> bool:
        """Whether an expression begins here: then VALUE before it is the keyword, and not an attribute of that name."""
        if token.word == "*":
            following = scan(self.text, token.end)
            return following.kind == "end" or following.word in _AFTER_AN_ATTRIBUTE
        if token.kind == "word":
            return token.word not in _AFTER_AN_ATTRIBUTE
        return token.kind in {"number", "text", "variable"} or token.word in {"(", "[", "{"}

    def _field(self) -> tuple[tuple[str, ...], Node]:
        start = self.token.at
        node = self.expression()
        end = len(self.text[: self.token.at].rstrip())
        if self.take("AS"):
            path = [self.word()]
            while self.take("."):
                path.append(self.word())
            return tuple(path), node
        match node:
            case Star():
                return (), node
            case Attribute(name) | Field(_, name) | Call(name):
                return (name,), node
            case _:
                return (self.text[start:end],), node

    def primary(self) -> Node:
        """Read an operand without what follows a point or a bracket."""
        token, word = self.token, self.token.word
        if token.kind == "number":
            return Constant(from_decimal(Decimal(self.advance().text)))
        if token.kind == "text":
            return Constant(self.advance().value)
        if token.kind == "variable":
            if token.text not in self.declared:
                raise SqlError(f"Variable {token.text} is not set", self.text, token.at)
            return Variable(self.advance().text, token.at)
        if word in {"(", "[", "{", "*", "CASE"}:
            self.advance()
            return getattr(self, _OPENING[word])()  # type: ignore[no-any-return]  # the methods below
        if token.kind != "word" or word in _RESERVED:
            raise self.unexpected()
        self.advance()
        if word in _CONSTANTS:
            return Constant(_CONSTANTS[word])
        return self._call(token) if self.take("(") else Attribute(token.text)

    def _star(self) -> Node:
        return Star()

    def _call(self, name: Token) -> Node:
        if name.word == "CAST":
            value = self.expression()
            self.expect("AS")
            at, kind = self.token.at, self.word()
            self.expect(")")
            return Cast(value, kind.lower(), at)
        if name.word == "EXISTS":
            self.expect("SELECT")
            return Exists(self._query())
        return Call(name.text.lower(), self.list_until(")"), name.at)

    def list_until(self, end: str) -> tuple[Node, ...]:
        """Read expressions up to a sign that ends them."""
        items: list[Node] = []
        while not self.take(end):
            items.append(self.expression())
            if not self.take(","):
                self.expect(end)
                break
        return tuple(items)

    def _group(self) -> Node:
        if self.take("SELECT"):
            return self._query()
        node = self.expression()
        self.expect(")")
        return node

    def _query(self) -> Query:
        select = self.select()
        self.expect("FROM")
        source = self.operand()
        alias = self.word() if self.take("AS") else None
        where = self.expression() if self.take("WHERE") else None
        self.expect(")")
        return Query(select, source, alias, where)

    def _array(self) -> Node:
        return Items(self.list_until("]"))

    def _object(self) -> Node:
        pairs: list[tuple[str, Node]] = []
        while not self.take("}"):
            if self.token.kind != "text":
                raise self.unexpected("a key in quotes")
            key = self.advance().value
            self.expect(":")
            pairs.append((key, self.expression()))
            if not self.take(","):
                self.expect("}")
                break
        return Pairs(tuple(pairs))

    def _case(self) -> Node:
        value = self.expression()
        branches: list[tuple[Node, Node]] = []
        while self.take("WHEN"):
            when = self.expression()
            self.expect("THEN")
            branches.append((when, self.expression()))
        if not branches:
            raise self.unexpected("WHEN")
        otherwise = self.expression() if self.take("ELSE") else None
        self.expect("END")
        return Case(value, tuple(branches), otherwise)
