"""How texts, and names of attachments, are compared when somebody searches."""

import unicodedata


def searchable(text: str) -> str:
    """Return a text without case, and without width of Japanese characters."""
    return unicodedata.normalize("NFKC", text).casefold()
