"""Writes what docs/security.md says of the attackers' tests, from the tests: `python -m tools.security_page`."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.pages import with_part

__all__ = ["BEGIN", "END", "PAGE", "ROOT", "attackers_table", "names_of_tests", "page_with_table"]

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security.md"
BEGIN = "<!-- attackers: begin, written by `python -m tools.security_page` -->"
END = "<!-- attackers: end -->"


def names_of_tests(file: Path) -> Iterator[str]:
    """Return the names of a module's tests, in their order, also those in classes."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name


def attackers_table() -> str:
    """Return the table in Markdown: a row for each module, whose docstring says who the attacker is."""
    rows = ["| who | what is held | tests |", "|---|---|---|"]
    for file in sorted((ROOT / "tests" / "security").glob("test_*.py")):
        who = (ast.get_docstring(ast.parse(file.read_text())) or "").splitlines()[0].rstrip(".")
        held = "<br>".join(_sentence(name) for name in names_of_tests(file))
        rows.append(f"| {who} | {held} | `{file.relative_to(ROOT).as_posix()}` |")
    return "\n".join(rows)


def _sentence(name: str) -> str:
    words = name.removeprefix("test_").replace("_", " ")
    return words[0].upper() + words[1:]


def page_with_table() -> str:
    """Return the page with the table as it should be."""
    return with_part(PAGE.read_text(), BEGIN, attackers_table(), END)


if __name__ == "__main__":
    PAGE.write_text(page_with_table())
