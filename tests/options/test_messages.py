"""Every refusal is written in one form: ``<path>: <option> <what is wrong>. <how to fix it>.``"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.options.form import FIX, PROBLEM
from tests.options.values import ROOT

_RAISED_BY = {"InvalidOptionError", "_invalid"}
_FILES = sorted(
    path
    for folder in ("cdp_constructs", "stacks")
    for path in (ROOT / folder).rglob("*.py")
    if "InvalidOptionError(" in path.read_text()
)


def refusals(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line, problem and fix of what a module refuses; ``…`` is what is known at run time only."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        texts: dict[str, list[str]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for name, value in _assigned(node):
                    texts.setdefault(name, []).extend(_written(value))
        for node in ast.walk(function):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Call) and isinstance(called, ast.Name) and called.id in _RAISED_BY:
                *_, problem, fix = [None, None, *node.args]
                for one in _texts(problem, texts):
                    for other in _texts(fix, texts):
                        yield node.lineno, one, other


def _assigned(node: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    for target in node.targets:
        if isinstance(target, ast.Name):
            yield target.id, node.value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for one, value in zip(target.elts, node.value.elts, strict=True):
                if isinstance(one, ast.Name):
                    yield one.id, value


def _texts(node: ast.expr | None, texts: dict[str, list[str]]) -> list[str]:
    if isinstance(node, ast.Name):
        return texts.get(node.id, [])
    return [] if node is None else _written(node)


def _written(node: ast.expr) -> list[str]:
    """Return the texts that an expression can be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(_part(part) for part in node.values)]
    if isinstance(node, ast.IfExp):
        return [*_written(node.body), *_written(node.orelse)]
    if isinstance(node, ast.BinOp):
        return [left + right for left in _written(node.left) or ["…"] for right in _written(node.right) or ["…"]]
    return []


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    # What is written with !r is a value, anything else may be a number or a clause.
    return "'…'" if isinstance(node, ast.FormattedValue) and node.conversion == ord("r") else "…"


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_refusal_has_the_form(path: Path) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {problem!r}, {fix!r}"
        for line, problem, fix in refusals(path)
        if not re.match(PROBLEM, problem) or not (fix.startswith("…") or re.match(FIX, fix))
    ]
    assert not wrong, "\n".join(wrong)
