"""Texts of notices as every channel can show them: without characters that no reader sees and services refuse."""

import re

__all__ = ["NOTHING", "one_line", "plain"]

NOTHING = "…"
"""Stands for a text of which nothing can be shown."""

# Unicode's category Cc; and two code points that are no characters, which SNS refuses in messages.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


def one_line(text: str) -> str:
    """Return a title or subject: one line, which cannot end a header."""
    return " ".join(_CONTROL.sub(" ", text).split()) or NOTHING


def plain(text: str) -> str:
    """Return a text of several lines; line breaks and tabs stay."""
    lines = re.sub(r"\r\n?", "\n", text)
    return _CONTROL_IN_LINES.sub(" ", lines).strip() or NOTHING
