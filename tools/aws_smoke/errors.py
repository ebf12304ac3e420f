"""Why the rehearsal ends without a comparison."""

__all__ = ["REFUSED", "RefusedError", "StoppedError"]

REFUSED = 64
"""What pytest returns when the account is not used."""


class RefusedError(Exception):
    """The account is not used; nothing was deployed to it."""


class StoppedError(Exception):
    """Somebody interrupted; what was deployed is removed, or named."""
