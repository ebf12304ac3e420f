"""Two cloud assemblies, stack by stack."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdp_constructs.assembly.findings import read_findings
from cdp_constructs.review.changes.comparison import Compared
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.reading import read_templates

__all__ = ["Acknowledgment", "accepted", "acknowledgments", "compared_assemblies", "newly_accepted"]


def compared_assemblies(before: Path, now: Path) -> Iterator[Compared]:
    """Yield each stack of two assemblies.

    Raises:
        AssemblyError: one of the folders has no whole assembly.
    """
    old = {template.name: template for template in read_templates(before)}
    new = {template.name: template for template in read_templates(now)}
    for name in dict.fromkeys((*new, *old)):
        yield Compared(name, old.get(name), new.get(name))


@dataclass(frozen=True, order=True)
class Acknowledgment:
    """Findings that constructs acknowledge for one reason.

    Attributes:
        rules: The rules, with what they are about.
        reason: Why it is accepted.
        places: Paths of the constructs.
    """

    rules: str
    reason: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        """Write it as a card does."""
        return f"{self.rules}: {self.reason}   {', '.join(self.places)}"


def acknowledgments(folder: Path, path: str | None = None) -> list[Acknowledgment]:
    """Return the findings of cdk-nag that an assembly's constructs acknowledge, with the reasons.

    Args:
        folder: The assembly.
        path: Path of a stack or construct, in which places are named; all of the assembly by default.
    """
    try:
        _, acknowledged = read_findings(folder)
    except FileNotFoundError:
        # No pack ran.
        return []
    places: dict[tuple[str, str], dict[str, set[str]]] = {}
    for finding in acknowledged:
        place = "/".join(part for part in finding.construct_path.split("/") if part not in {"Default", "Resource"})
        if path is None or place == path or place.startswith(f"{path}/"):
            inside = place.removeprefix(path or "").lstrip("/")
            rule, _, about = finding.rule.partition("[")
            of_rule = places.setdefault((finding.reason, inside or place), {})
            of_rule.setdefault(rule, set()).add(_short(about.removesuffix("]")))
    found: dict[tuple[str, str], list[str]] = {}
    for (reason, place), rules in places.items():
        named = " and ".join(
            rule + (f" for {', '.join(sorted(about))}" if about != {""} else "")
            for rule, about in sorted(rules.items())
        )
        found.setdefault((named, reason), []).append(place)
    return sorted(Acknowledgment(rules, reason, tuple(sorted(some))) for (rules, reason), some in found.items())


def accepted(folder: Path, stack: str | None = None) -> list[str]:
    """Return what a card says of acknowledged findings, a line each.

    Args:
        folder: The assembly.
        stack: Path of a stack; those of all stacks by default.
    """
    return [str(one) for one in acknowledgments(folder, stack)]


_ARN = re.compile(r"arn:(?:<AWS::\w+>|[^:]+):([\w-]+):(?:<AWS::\w+>|[^:]*):(?:<AWS::\w+>|[^:]*):")
_HASHED = re.compile(r"<(\w+?)(?:[0-9A-F]{8})?(?:\.Arn)?>")


def _short(about: str) -> str:
    """Write what a rule is about as a card does: ``Resource::<Bucket1A2B3C4D.Arn>/errors/*`` is ``Bucket/errors/*``."""
    text = about.removeprefix("Resource::").removeprefix("Policy::").removeprefix("Action::")
    return _HASHED.sub(r"\1", _ARN.sub(r"\1:", text))


def newly_accepted(before: Path, now: Path) -> Iterator[Finding]:
    """Yield what one assembly acknowledges and the other did not."""
    known = set(accepted(before))
    for line in accepted(now):
        if line not in known:
            title, _, where = line.partition("   ")
            yield Finding(Kind.ACKNOWLEDGMENTS, title, (where,))
