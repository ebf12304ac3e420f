"""The form of what is refused: what is wrong with the value, and what to do."""

__all__ = ["FIX", "MESSAGE", "PROBLEM"]

PROBLEM = r"(is |contains |has [\d…]|was given (for|together with|without) |was called )"
"""``is`` and the value; ``contains`` and an entry of a list or a mapping; ``has`` and a number of what are too many or
too few; ``is missing``; and what goes, or does not go, together."""

_VERBS = (
    *("Add", "Begin", "Build", "Call", "Change", "Check", "Give", "Grant", "Import", "Leave", "Make", "Name", "Pass"),
    *("Publish", "Put", "Replace", "Run", "Start", "Use", "Write"),
)

FIX = rf"({'|'.join(_VERBS)}|Tokens cannot be checked here)\b"
"""What to do."""

MESSAGE = rf"[^:]+: \S+ {PROBLEM}[^\n]*\. {FIX}[^\n]+\."
"""A whole message."""
