"""Writes what follows from the patterns' own files: `python -m tools.patterns`, or `make patterns`.

A pattern is a public construct whose docstring has a line ``CDP: <English name> / <Japanese name>``, or ``CDP: none``
for one that the catalogue does not have. From these come the names that ``cdp_constructs`` exports and their types, the
tables of patterns in the README and in the documentation, and the catalogue page. A test finds what is stale.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.definitions import declared
from tools.pages import parts_of, with_part

__all__ = ["PARTS", "SECTIONS", "Pattern", "generated", "lacking", "patterns", "write"]

ROOT = Path(__file__).parents[1]
PACKAGE = "cdp_constructs"
# Of `core`, what users of patterns need; who writes constructs and stacks imports the rest from there.
FROM_CORE = {
    "InvalidOptionError": "validation",
    "alarms_of": "alarms",
    "image_from_folder": "images",
    "use_access_log_bucket": "buckets",
}
# Packages that hold no patterns.
APART = frozenset({"assembly", "cli", "core", "estimates", "judge", "local", "review", "testing"})
# What every pattern's page says, in this order, and what of it `make pages` writes.
SECTIONS = (
    "The problem",
    "The solution",
    "Example",
    "With existing resources",
    "Options",
    "What it creates",
    "Where failures go",
    "Permissions",
    "Limits",
    "Cost",
    "Rule packs",
    "When not to use it",
    "What was run",
    "Source",
)
PARTS = ("diagram", "code", "options", "creates", "permissions", "cost", "findings", "source")
BEGIN, END = "<!-- patterns: begin, written by `make patterns` -->", "<!-- patterns: end -->"

FAMILIES = {
    "api": "APIs and sign-in",
    "cache": "Caches",
    "compute": "Servers",
    "data": "Data",
    "database": "Databases",
    "delivery": "Content delivery",
    "iot": "Devices",
    "messaging": "Messaging",
    "network": "Networks",
    "operations": "Operations",
    "pipeline": "Delivery pipelines",
    "realtime": "Live updates",
    "routing": "Routing between Regions",
    "upload": "Uploads",
    "workflow": "Automation",
}


@dataclass(frozen=True)
class Export:
    """A name that ``cdp_constructs`` exports."""

    name: str
    module: str


@dataclass(frozen=True)
class Pattern:
    """A pattern, as its docstring and its place describe it."""

    name: str
    family: str
    module: str
    summary: str
    cdp: str
    japanese: str

    @property
    def page(self) -> str:
        """Name of its page below ``docs/patterns``."""
        return f"{self.module.replace('_', '-')}.md"


def _modules(root: Path) -> Iterator[tuple[str, str, ast.Module]]:
    for file in sorted((root / PACKAGE).glob("*/*.py")):
        if file.parent.name not in APART and not file.name.startswith("_"):
            yield file.parent.name, file.stem, ast.parse(file.read_text())


def _constructs(tree: ast.Module) -> list[ast.ClassDef]:
    return [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and any(isinstance(base, ast.Name) and base.id == "Construct" for base in node.bases)
    ]


def exports(root: Path = ROOT) -> list[Export]:
    """Return what the package exports: each family's constructs, or what a module names in ``__all__``."""
    found = [Export(name, f"{PACKAGE}.core.{module}") for name, module in FROM_CORE.items()]
    for family, module, tree in _modules(root):
        names = declared(tree)
        if names is None:
            names = [node.name for node in _constructs(tree)]
        found += [Export(name, f"{PACKAGE}.{family}.{module}") for name in names]
    return sorted(found, key=lambda export: export.name)


def patterns(root: Path = ROOT) -> list[Pattern]:
    """Return the patterns by family and name.

    Raises:
        ValueError: naming a docstring whose first line is no sentence of one line.
    """
    found = []
    for family, module, tree in _modules(root):
        for node in _constructs(tree):
            lines = (ast.get_docstring(node) or "").splitlines()
            cdp = next((line for line in lines if line.startswith("CDP:")), None)
            if cdp is None:
                continue
            if not lines[0].endswith("."):
                raise ValueError(f"{node.name}: the docstring's first line is {lines[0]!r}. Write one sentence there.")
            named = re.match(r"CDP: ([^/.;:(]+?) / ([^\x00-\x7f][^.,;(]*)", cdp)
            name, japanese = named.groups() if named else ("", "")
            japanese = japanese.strip().removesuffix("パターン").strip()
            found.append(Pattern(node.name, family, module, lines[0], name, japanese))
    return found


def _as_imported(name: str) -> tuple[bool, bool, str]:
    """Return the key by which ruff sorts names of one module: constants, classes, functions."""
    return name[0].islower(), not name.isupper(), name.casefold()


def _stub(exported: Iterable[Export]) -> str:
    lines = ['"""The public names and their types, for type checkers; written by `make patterns`."""', ""]
    by_module: dict[str, list[str]] = {}
    for export in exported:
        by_module.setdefault(export.module, []).append(export.name)
    by_module[f"{PACKAGE}._version"] = ["__version__"]
    for module, names in sorted(by_module.items()):
        lines += [f"from {module} import {name} as {name}" for name in sorted(names, key=_as_imported)]
    return "\n".join([*lines, ""])


def _table_of_modules(exported: Iterable[Export]) -> str:
    rows = [f'    "{export.name}": "{export.module}",' for export in exported]
    head = ['"""Where each public name is defined; written by `make patterns`."""', "", "MODULE_OF = {"]
    return "\n".join([*head, *rows, "}", ""])


def _rows(found: Iterable[Pattern], folder: str) -> str:
    head = ["| pattern | CDP name | what it does |", "|---|---|---|"]
    rows = []
    for pattern in found:
        name = f"{pattern.cdp} / {pattern.japanese}" if pattern.cdp else "none"
        summary = pattern.summary.replace("``", "`")
        rows.append(f"| [`{pattern.name}`]({folder}{pattern.page}) | {name} | {summary} |")
    return "\n".join([*head, *rows])


def _catalogue(found: list[Pattern]) -> str:
    text = [
        "# Patterns by purpose",
        "",
        "Written by `make patterns` from the patterns' docstrings. The second column is the name in the CDP catalogue.",
    ]
    for family, title in FAMILIES.items():
        of_family = [pattern for pattern in found if pattern.family == family]
        if of_family:
            text += ["", f"## {title}", "", _rows(of_family, "patterns/")]
    return "\n".join([*text, ""])


def generated(root: Path = ROOT) -> Mapping[str, str]:
    """Return the generated files as they should be, by path."""
    exported, found = exports(root), patterns(root)
    readme, index = (root / "README.md").read_text(), (root / "docs/index.md").read_text()
    return {
        f"{PACKAGE}/__init__.pyi": _stub(exported),
        f"{PACKAGE}/_exports.py": _table_of_modules(exported),
        "README.md": with_part(readme, BEGIN, _rows(found, "docs/patterns/"), END),
        "docs/index.md": with_part(index, BEGIN, _rows(found, "patterns/"), END),
        "docs/catalogue.md": _catalogue(found),
    }


def write(root: Path = ROOT) -> list[str]:
    """Write what is stale and return the paths."""
    stale = []
    for path, text in generated(root).items():
        file = root / path
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            stale.append(path)
    return stale


def _section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def lacking(pattern: Pattern, root: Path = ROOT) -> list[str]:
    """Return what a pattern should have and has not: its page, example, tests, or snapshot."""
    page = root / "docs/patterns" / pattern.page
    text = page.read_text() if page.is_file() else ""
    own_tests = {file: file.read_text() for file in (root / "tests" / pattern.family).glob("test_*.py")}
    behaviour = [file.read_text() for file in (root / "tests/behaviour").rglob("test_*.py")]
    named = re.compile(rf"\b{pattern.name}\b")
    tested = {file: content for file, content in own_tests.items() if named.search(content)}
    parts = {kind for kind, _ in parts_of(text)}
    snapshots = root / "tests" / pattern.family / "__snapshots__"
    driven = [content for content in [*behaviour, *own_tests.values()] if "local_cloud" in content]
    lacks = {
        f"docs/patterns/{pattern.page}": bool(text),
        **{f"## {title}, in docs/patterns/{pattern.page}": f"\n## {title}\n" in text for title in SECTIONS},
        **{f"the part {part!r} of docs/patterns/{pattern.page}": part in parts for part in PARTS},
        f"a source of the limits, in docs/patterns/{pattern.page}": "](" in _section(text, "Limits"),
        f"test_page, which compares the page of {pattern.name} with its example": any(
            re.search(rf"assert_page\((?:{pattern.name}|pattern),", content) for content in tested.values()
        ),
        f"docs/examples/{pattern.module}.py": (root / "docs/examples" / f"{pattern.module}.py").is_file(),
        f"a test of {pattern.name} in tests/{pattern.family}": bool(tested),
        f"a snapshot in tests/{pattern.family}/__snapshots__": any((snapshots / file.stem).is_dir() for file in tested),
        f"a card in tests/{pattern.family}/__snapshots__": any(
            any((snapshots / file.stem).glob("*.txt")) for file in tested
        ),
        f"a test of {pattern.name} on the embedded cloud, or the words 'template only' on its page": (
            any(map(named.search, driven)) or "template only" in text.lower()
        ),
    }
    return [what for what, is_there in lacks.items() if not is_there]


if __name__ == "__main__":
    for path in write():
        print(f"written: {path}")  # noqa: T201
    missing = [f"{pattern.name} lacks {what}" for pattern in patterns() for what in lacking(pattern)]
    print("\n".join(missing), end="\n" if missing else "")  # noqa: T201
