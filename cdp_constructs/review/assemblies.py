"""Two cloud assemblies, stack by stack."""

from collections.abc import Iterator
from pathlib import Path

from cdp_constructs.assembly.findings import read_findings
from cdp_constructs.review.changes.comparison import Compared
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.reading import read_templates

__all__ = ["accepted", "compared_assemblies", "newly_accepted"]


def compared_assemblies(before: Path, now: Path) -> Iterator[Compared]:
    """Yield each stack of two assemblies.

    Raises:
        AssemblyError: one of the folders has no whole assembly.
    """
    old = {template.name: template for template in read_templates(before)}
    new = {template.name: template for template in read_templates(now)}
    for name in dict.fromkeys((*new, *old)):
        yield Compared(name, old.get(name), new.get(name))


def accepted(folder: Path, stack: str | None = None) -> list[str]:
    """Return the findings of cdk-nag that an assembly's constructs acknowledge, with the reasons, a line each.

    Args:
        folder: The assembly.
        stack: Path of a stack; those of all stacks by default.
    """
    try:
        _, acknowledged = read_findings(folder)
    except FileNotFoundError:
        # No pack ran.
        return []
    places: dict[tuple[str, str], set[str]] = {}
    for finding in acknowledged:
        path = finding.construct_path.removesuffix("/Resource")
        if stack is None or path == stack or path.startswith(f"{stack}/"):
            inside = path.removeprefix(stack or "").lstrip("/")
            places.setdefault((finding.rule, finding.reason), set()).add(inside or path)
    return [f"{rule}: {reason}   {', '.join(sorted(some))}" for (rule, reason), some in sorted(places.items())]


def newly_accepted(before: Path, now: Path) -> Iterator[Finding]:
    """Yield what one assembly acknowledges and the other did not."""
    known = set(accepted(before))
    for line in accepted(now):
        if line not in known:
            title, _, where = line.partition("   ")
            yield Finding(Kind.ACKNOWLEDGMENTS, title, (where,))
