"""Reads the tokens of AWS IoT SQL one after the other."""

from cdp_constructs.local.services.iot.sql.tokens import SqlError, Token, scan

__all__ = ["Reader"]


class Reader:
    """A place in SQL.

    Args:
        text: The SQL.
        at: Index of the first character.

    Attributes:
        token: The next token.
        declared: Variables that are set.
    """

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.token: Token = scan(text, at)
        self.declared: set[str] = set()

    def advance(self) -> Token:
        """Go on to the next token, and return the one that was read."""
        token = self.token
        self.token = scan(self.text, token.end)
        return token

    def take(self, word: str) -> bool:
        """Read a keyword or a sign, if it is next."""
        if self.token.word != word:
            return False
        self.advance()
        return True

    def expect(self, word: str) -> None:
        """Read a keyword or a sign that has to be next."""
        if not self.take(word):
            raise self.unexpected(word)

    def unexpected(self, instead_of: str = "") -> SqlError:
        """Return the error for the token that is next."""
        found = f"Unexpected {self.token.text!r}" if self.token.text else "Unexpected end of the SQL"
        return SqlError(f"{found}, expected {instead_of}" if instead_of else found, self.text, self.token.at)

    def word(self) -> str:
        """Read a name."""
        if self.token.kind != "word":
            raise self.unexpected("a name")
        return self.advance().text
