"""The Regions that a drill has isolated; services ask here whether they can be reached."""

__all__ = ["ISOLATED", "is_isolated"]

ISOLATED: set[str] = set()


def is_isolated(region: str | None) -> bool:
    """Whether no request from outside reaches a Region, those of global services such as CloudFront included."""
    return region in ISOLATED
