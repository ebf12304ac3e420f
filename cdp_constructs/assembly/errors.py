"""The error of this package."""

__all__ = ["AssemblyError"]


class AssemblyError(Exception):
    """The cloud assembly cannot be read, or lacks what is asked of it; the message says why and how to fix it."""
