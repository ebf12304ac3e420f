"""What defines a public name, and what is written about it, from the source: nothing is imported."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

__all__ = ["declared", "definition", "imported", "module_file", "text_below", "tree"]


@cache
def tree(file: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(file.read_text())


def module_file(module: str, root: Path) -> Path:
    """Return the file of a module or package."""
    place = root / module.replace(".", "/")
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def declared(module: ast.Module) -> list[str] | None:
    """Return what a module names in ``__all__``; None without it."""
    for node in module.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return list(ast.literal_eval(node.value))
    return None


def imported(module: ast.Module) -> Mapping[str, str]:
    """Return by name the module that it is imported from."""
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def definition(name: str, module: str, root: Path) -> tuple[ast.stmt, str]:
    """Return what defines a name, and the module that it is in.

    Raises:
        LookupError: when the module neither defines it nor imports it from one of the project.
    """
    file = module_file(module, root)
    if not file.exists():
        raise LookupError(f"{module} is not a module of {root}")
    for node in tree(file).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node, module
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        if any(ast.unparse(target) == name for target in targets):
            return node, module
    source = imported(tree(file)).get(name)
    if source is None:
        raise LookupError(f"{module} does not define {name}")
    return definition(name, source, root)


def text_below(node: ast.stmt, body: list[ast.stmt]) -> str:
    """Return the string that stands below a definition and documents it."""
    following = body[body.index(node) + 1 :]
    if following and isinstance(following[0], ast.Expr) and isinstance(following[0].value, ast.Constant):
        value = following[0].value.value
        return value if isinstance(value, str) else ""
    return ""
