"""Imports go down, and nothing goes round in circles: the contracts of `[tool.importlinter]` in pyproject.toml."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_contracts_of_the_packages_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def handlers() -> list[Path]:
    """Return every file that runs in Lambda, those of the examples included."""
    found = [*ROOT.glob("cdp_constructs/*/handlers/**/*.py"), *ROOT.glob("stacks/*/handlers/**/*.py")]
    return [*found, *ROOT.glob("docs/examples/*/index.py")]


def imported(module: str) -> set[str]:
    """Return the names that a module imports, with where it has them from."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", handlers(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_imports_no_tracing_library(path: Path) -> None:
    # A third of a cold start: docs/decisions/0030-one-id-through-everything.md
    names = imported(path.read_text(encoding="utf-8"))
    assert not {name for name in names if "xray" in name or name.startswith("opentelemetry") or "Tracer" in name}
