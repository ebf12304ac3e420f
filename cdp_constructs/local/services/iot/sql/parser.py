"""Reads the SQL of a rule.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
"""

from dataclasses import dataclass

from cdp_constructs.local.services.iot.sql.expressions import Expressions
from cdp_constructs.local.services.iot.sql.nodes import Constant, Node, Select
from cdp_constructs.local.services.iot.sql.tokens import SqlError

__all__ = ["Rule", "parse", "parse_template"]

_MOST_VARIABLES = 10
_LONGEST_VARIABLE = 64


@dataclass(frozen=True)
class Rule:
    """The SQL of a rule.

    Attributes:
        variables: The variables of the SET clause, in their order.
        select: What is selected.
        topic_filter: The topics whose messages are selected; empty for a rule that only basic ingest reaches.
        where: Which messages are selected; None for all.
    """

    variables: tuple[tuple[str, Node], ...]
    select: Select
    topic_filter: str
    where: Node | None


class _Parser(Expressions):
    def rule(self) -> Rule:
        variables = self._variables() if self.take("SET") else ()
        self.expect("SELECT")
        select = self.select()
        topic_filter = self._topic_filter() if self.take("FROM") else ""
        where = self.expression() if self.take("WHERE") else None
        if self.token.kind != "end":
            raise self.unexpected()
        return Rule(variables, select, topic_filter, where)

    def _variables(self) -> tuple[tuple[str, Node], ...]:
        variables: dict[str, Node] = {}
        while True:
            token = self.token
            if token.kind != "variable":
                raise self.unexpected("a variable, such as @name")
            self.advance()
            if token.text in variables:
                raise SqlError(f"Variable {token.text} is set twice", self.text, token.at)
            if len(token.text) > _LONGEST_VARIABLE or len(variables) == _MOST_VARIABLES:
                problem = (
                    f"More than {_MOST_VARIABLES} variables, or a name of more than {_LONGEST_VARIABLE} characters"
                )
                raise SqlError(problem, self.text, token.at)
            self.expect("=")
            variables[token.text] = self.expression()
            self.declared.add(token.text)
            if not self.take(","):
                return tuple(variables.items())

    def _topic_filter(self) -> str:
        token = self.token
        if token.kind != "text" or token.text[0] != "'":
            raise self.unexpected("a topic filter in single quotes")
        self.advance()
        return token.value


def parse(sql: str) -> Rule:
    """Return the parts of a rule's SQL.

    Raises:
        SqlError: AWS IoT would refuse it.
    """
    return _Parser(sql).rule()


def parse_template(text: str, variables: frozenset[str] = frozenset()) -> tuple[Node, ...]:
    """Return the parts of an action's field: constants, and the expressions of `${…}`.

    Args:
        text: The field.
        variables: Variables of the rule's SET clause.

    Raises:
        SqlError: an expression cannot be read.
    """
    parts: list[Node] = []
    at = 0
    while (start := text.find("${", at)) >= 0:
        parser = _Parser(text, start + 2)
        parser.declared |= variables
        parts += [Constant(text[at:start]), parser.expression()]
        if parser.token.word != "}":
            raise parser.unexpected("}")
        at = parser.token.end
    return (*parts, Constant(text[at:]))
