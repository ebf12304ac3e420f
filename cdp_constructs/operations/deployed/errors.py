"""What can be wrong with a request of an operator, in one line."""

__all__ = ["OperatorError"]


class OperatorError(Exception):
    """The request cannot be done; the text says why and what to do, in one line."""
