"""The names of images in container definitions."""

import re
from dataclasses import dataclass
from typing import Self

__all__ = ["Name"]

_NAME = re.compile(
    r"(?:[\w.-]+\.dkr\.ecr\.[\w-]+\.[\w.]+/)?(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>.+))?"
)


@dataclass(frozen=True)
class Name:
    """A name without its registry.

    Attributes:
        local: Repository and tag, `latest` without one.
        digest: The digest, empty without one.
    """

    local: str
    digest: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return what a container definition says; None for what is no name."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        return cls(f"{match['repository']}:{match['tag'] or 'latest'}", match["digest"] or "")
