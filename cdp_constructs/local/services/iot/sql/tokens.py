"""Splits AWS IoT SQL into words, numbers, strings and signs."""

import re
from typing import NamedTuple

__all__ = ["SqlError", "Token", "scan"]

_TOKEN = re.compile(
    r"""
    (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<text>'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*")
    | (?P<variable>@\w+)
    | (?P<word>[^\W\d]\w*)
    | (?P<sign><>|<=|>=|[-+*/%=<>(),.\[\]{}:])
    """,
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*")


class SqlError(ValueError):
    """SQL that is refused, with the place.

    Args:
        message: What is wrong.
        text: The SQL.
        at: Index of the place in it.
    """

    def __init__(self, message: str, text: str, at: int) -> None:
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        super().__init__(f"{message} at line {line}, column {column}")


class Token(NamedTuple):
    """A part of SQL.

    Attributes:
        kind: `number`, `text`, `variable`, `word`, `sign`, or `end` after the last one.
        text: As written.
        at: Index of its first character.
        end: Index behind its last character.
    """

    kind: str
    text: str
    at: int
    end: int

    @property
    def word(self) -> str:
        """A keyword or a sign, in capitals; nothing for other tokens."""
        return self.text.upper() if self.kind in {"word", "sign"} else ""

    @property
    def value(self) -> str:
        """What a string contains: a quotation mark is written twice."""
        quotation_mark = self.text[0]
        return self.text[1:-1].replace(quotation_mark * 2, quotation_mark)


def scan(text: str, at: int) -> Token:
    """Return the token at a place, or behind the white space there.

    Raises:
        SqlError: for a character that SQL does not have, and a string without an end.
    """
    space = _SPACE.match(text, at)
    at = space.end() if space else at
    if at == len(text):
        return Token("end", "", at, at)
    match = _TOKEN.match(text, at)
    if match is None:
        problem = "A string has no end" if text[at] in "'\"" else f"Unexpected character {text[at]!r}"
        raise SqlError(problem, text, at)
    return Token(match.lastgroup or "", match[0], at, match.end())
