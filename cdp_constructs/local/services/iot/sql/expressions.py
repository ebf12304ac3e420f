"""Reads the expressions of AWS IoT SQL: each method reads one level of precedence, the loosest first."""

from cdp_constructs.local.services.iot.sql.nodes import Constant, Field, In, Item, Items, Like, Node, Operation
from cdp_constructs.local.services.iot.sql.primaries import Primaries
from cdp_constructs.local.services.iot.sql.tokens import SqlError, scan

__all__ = ["Expressions"]

_DEEPEST = 40
_COMPARISONS = {"=", "<>", "<", "<=", ">", ">="}


class Expressions(Primaries):
    """A parser of expressions."""

    def __init__(self, text: str, at: int = 0) -> None:
        super().__init__(text, at)
        self._depth = 0

    def expression(self) -> Node:
        """Read an expression."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise SqlError(f"Expressions are nested more than {_DEEPEST} times", self.text, self.token.at)
        node = self._conjunction()
        while self.take("OR"):
            node = Operation("OR", (node, self._conjunction()))
        self._depth -= 1
        return node

    def _conjunction(self) -> Node:
        node = self._negation()
        while self.take("AND"):
            node = Operation("AND", (node, self._negation()))
        return node

    def _negation(self) -> Node:
        negations = 0
        while self.take("NOT"):
            negations += 1
        node = self._comparison()
        for _ in range(negations):
            node = Operation("NOT", (node,))
        return node

    def _comparison(self) -> Node:
        node = self.operand()
        while True:
            word = self.token.word
            if word in _COMPARISONS:
                self.advance()
                node = Operation(word, (node, self.operand()))
            elif word == "IS":
                self.advance()
                negated = self.take("NOT")
                self.expect("NULL")
                node = Operation("IS NULL", (node,))
                node = Operation("NOT", (node,)) if negated else node
            elif word in {"NOT", "IN", "LIKE", "BETWEEN"}:
                negated = self.take("NOT")
                node = self._membership(node)
                node = Operation("NOT", (node,)) if negated else node
            else:
                return node

    def _membership(self, value: Node) -> Node:
        if self.take("IN"):
            return In(value, self._choices())
        if self.take("LIKE"):
            if self.token.kind != "text":
                raise self.unexpected("a pattern in quotes")
            return Like(value, self.advance().value)
        self.expect("BETWEEN")
        least = self.operand()
        self.expect("AND")
        return Operation("AND", (Operation(">=", (value, least)), Operation("<=", (value, self.operand()))))

    def _choices(self) -> Node:
        if self.token.word != "(" or scan(self.text, self.token.end).word == "SELECT":
            return self.operand()
        self.advance()
        choices = self.list_until(")")
        # `x IN (array)` has parentheses around one expression, `x IN (1, 2)` a list.
        return choices[0] if len(choices) == 1 and not isinstance(choices[0], Constant) else Items(choices)

    def operand(self) -> Node:
        """Read a sum: an expression without comparisons, AND, OR and NOT."""
        node = self._product()
        while self.token.word in {"+", "-"}:
            node = Operation(self.advance().text, (node, self._product()))
        return node

    def _product(self) -> Node:
        node = self._sign()
        while self.token.word in {"*", "/", "%"}:
            node = Operation(self.advance().text, (node, self._sign()))
        return node

    def _sign(self) -> Node:
        negative = False
        while self.token.word in {"-", "+"}:
            negative ^= self.advance().text == "-"
        node = self._path()
        if not negative:
            return node
        if isinstance(node, Constant) and type(node.value) in {int, float}:
            return Constant(-node.value)
        return Operation("-", (Constant(0), node))

    def _path(self) -> Node:
        node = self.primary()
        while True:
            if self.take("."):
                node = Field(node, self.word())
            elif self.take("["):
                node = Item(node, self.expression())
                self.expect("]")
            else:
                return node
