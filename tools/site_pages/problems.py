"""The catalogue by problem: what each pattern is for, as its page begins, and the pattern."""

import re
from pathlib import Path

from tools.patterns import FAMILIES, ROOT, patterns

__all__ = ["PAGE", "page"]

PAGE = "problems.md"
_TO_PAGE_BESIDE = re.compile(r"\]\((?=[\w-]+\.md)")


def page(root: Path = ROOT) -> str:
    """Return the page.

    Raises:
        ValueError: naming a page that does not say which problem it is about.
    """
    lines = ["# Patterns by problem", "", "What each is for, in the words of its page."]
    for family, title in FAMILIES.items():
        of_family = [pattern for pattern in patterns(root) if pattern.family == family]
        if of_family:
            lines += ["", f"## {title}", "", "| problem | pattern |", "|---|---|"]
        for pattern in of_family:
            problem = _problem(root / "docs/patterns" / pattern.page)
            lines.append(f"| {problem} | [`{pattern.name}`](patterns/{pattern.page}) |")
    return "\n".join([*lines, ""])


def _problem(file: Path) -> str:
    found = re.search(r"^## The problem\n\n(.+?)(?:\n\n|\Z)", file.read_text(), re.MULTILINE | re.DOTALL)
    if not found:
        raise ValueError(f"{file.name} has no section 'The problem'")
    text = " ".join(found[1].split()).replace("|", "\\|")
    return _TO_PAGE_BESIDE.sub("](patterns/", text)
