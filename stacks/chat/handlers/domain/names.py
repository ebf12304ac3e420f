"""Names that people give to themselves, to rooms and to files, so that they show what they are."""

import unicodedata

# Letters and symbols of Unicode that show nothing: fillers of Hangul, the blank of Braille, and marks that are ignored.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_ZERO_WIDTH_JOINER, _ZERO_WIDTH_NON_JOINER = "\u200d", "\u200c"
_BLACK_FLAG, _TAGS = "\U0001f3f4", range(0xE0020, 0xE0080)
_VARIATION_SELECTORS = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
_VIRAMA = 9


class UnshowableNameError(ValueError):
    """The name has a character that deceives, or shows nothing; the message says which, for who chose it."""


def check_name(text: str) -> str:
    """Return a name in normal form (NFC) and trimmed.

    Raises:
        UnshowableNameError: for control and format characters, line breaks, or a name that shows nothing.
    """
    name = unicodedata.normalize("NFC", text).strip()
    for position, character in enumerate(name):
        if _is_hidden(name, position):
            raise UnshowableNameError(f"the character U+{ord(character):04X} is not shown; leave it out")
    if not any(unicodedata.category(character)[0] in "LNPS" for character in name):
        raise UnshowableNameError("there must be a character that can be seen")
    return name


def shown(text: str) -> str:
    """Return a text of others as one line without characters that are hidden or change the direction."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(character for position, character in enumerate(line) if not _is_hidden(line, position))


def _is_hidden(text: str, position: int) -> bool:
    """Return whether a character is one that nobody sees: a control or format character, a blank, half a pair."""
    character = text[position]
    before = text[position - 1] if position else ""
    after = text[position + 1 : position + 2]
    if ord(character) in _VARIATION_SELECTORS:
        # Of a symbol (emoji or text), or of an ideograph, whose variants are common in Japanese names.
        return not before or unicodedata.category(before) not in {"So", "Sk", "Sm", "Po", "Pd", "Nd", "Lo"}
    if ord(character) in _TAGS:
        # The flags of England, Scotland and Wales.
        return text[:position].rstrip("".join(map(chr, _TAGS)))[-1:] != _BLACK_FLAG
    if character in {_ZERO_WIDTH_JOINER, _ZERO_WIDTH_NON_JOINER}:
        return not _joins(character, before, after)
    return character in _BLANK or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _joins(character: str, before: str, after: str) -> bool:
    """Return whether a joiner has a purpose where it stands: in an emoji, or in a script that needs it (RFC 5892)."""
    if not before or not after:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if character == _ZERO_WIDTH_NON_JOINER:
        return unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL"
    return unicodedata.category(after) == "So" and (unicodedata.category(before) in {"So", "Sk"} or before == "\ufe0f")
