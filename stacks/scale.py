"""Quotas of AWS against what a system needs, and tables of them: what both systems' pages about scale share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Quota", "first_reached", "markdown", "with_tables"]

_FREE = 0.8


@dataclass(frozen=True)
class Quota:
    """A default quota, and what a system asks of it."""

    name: str
    needed: float
    default: float
    headroom: float = 2
    """What to have, as a multiple of what is needed. Rates double when everybody comes back and catches up."""

    @property
    def fits(self) -> bool:
        """Whether nothing has to be raised: a fifth stays free."""
        return self.needed <= self.default * _FREE

    def reached_at(self, size: float) -> float:
        """Return the size of a system that fits, from what one of this size needs."""
        return _FREE * self.default / self.needed * size

    @property
    def ask_for(self) -> float:
        """What to ask AWS for."""
        return self.default if self.fits else self.headroom * self.needed


def first_reached(quotas: Iterable[Quota], size: float) -> Quota:
    """Return the quota that a growing system reaches first."""
    return min(quotas, key=lambda quota: quota.reached_at(size))


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_tables(page: str, tables: Iterable[tuple[str, str]], *, command: str) -> str:
    """Return a page with its tables, each between two comments that name it and the command that writes it."""
    for name, table in tables:
        begin, end = f"<!-- {name}: begin, written by `{command}` -->", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{table}\n{end}{after}"
    return page
