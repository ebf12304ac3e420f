"""What a reviewer has to look at, in the order of its weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Finding", "Kind"]


class Kind(IntEnum):
    """What a finding is about; the order is the order in which a review tells them."""

    REPLACEMENT = 1
    """Something that holds data is replaced, renamed or removed."""
    BROADENING = 2
    """Somebody may do more."""
    EXPOSURE = 3
    """There is a way in that asks for less."""
    RETENTION = 4
    """Encryption, retention or protection of data changed for less."""
    ALARMS = 5
    """An alarm, or a place for what fails, is gone or says less."""
    ACKNOWLEDGMENTS = 6
    """A finding of a rule is accepted that was not."""
    COST = 7
    """What is paid at rest changed."""
    OTHER = 8
    """Whatever else changed."""

    @property
    def word(self) -> str:
        """What reports call it."""
        return _WORDS[self]

    @property
    def option(self) -> str:
        """What ``--fail-on`` calls it."""
        return self.name.lower()


_WORDS = {
    Kind.REPLACEMENT: "DATA",
    Kind.BROADENING: "IAM",
    Kind.EXPOSURE: "PUBLIC",
    Kind.RETENTION: "RETENTION",
    Kind.ALARMS: "ALARMS",
    Kind.ACKNOWLEDGMENTS: "ACCEPTED",
    Kind.COST: "COST",
    Kind.OTHER: "ALSO",
}


@dataclass(frozen=True, order=True)
class Finding:
    """Something that changed.

    Attributes:
        kind: What it is about.
        title: What changed, in one line.
        details: Old and new values, and what follows, a line each.
    """

    kind: Kind
    title: str
    details: Sequence[str] = ()
