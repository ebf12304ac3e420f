"""The API reference, from signatures and docstrings: a page for each family, the testing kit and the cloud."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.definitions import declared, definition, imported, module_file, text_below, tree
from tools.patterns import FAMILIES, PACKAGE, ROOT, exports
from tools.site_pages.docstrings import markdown

__all__ = ["FOLDER", "pages"]

FOLDER = "reference"
# Packages whose names are imported from themselves, and not from the library's root.
_APART = {"testing": "Testing kit", "local": "Embedded cloud"}
_TITLES = {"core": "For all patterns", **FAMILIES, **_APART}


@dataclass(frozen=True)
class _Name:
    """A public name, and where it is imported from."""

    name: str
    module: str
    package: str


def pages(root: Path = ROOT) -> Mapping[str, str]:
    """Return the pages by their paths in the site; the first is the list of them."""
    by_page: dict[str, list[_Name]] = {}
    for one in _names(root):
        # The testing kit has names of other packages, and is where they are imported from.
        place = one.module if one.package == PACKAGE else one.package
        by_page.setdefault(place.split(".")[1], []).append(one)
    made = {f"{FOLDER}/index.md": _index(by_page)}
    for page, title in _TITLES.items():
        if page in by_page:
            parts = [_of(one, root) for one in sorted(by_page[page], key=lambda one: one.name.casefold())]
            made[f"{FOLDER}/{page}.md"] = "\n\n".join([f"# {title}", *parts]) + "\n"
    return made


def _names(root: Path) -> Iterator[_Name]:
    for export in exports(root):
        yield _Name(export.name, export.module, PACKAGE)
    for package in _APART:
        module = tree(root / PACKAGE / package / "__init__.py")
        where = imported(module)
        for name in declared(module) or ():
            yield _Name(name, where.get(name, f"{PACKAGE}.{package}"), f"{PACKAGE}.{package}")


def _index(by_page: Mapping[str, list[_Name]]) -> str:
    lines = [
        "# API reference",
        "",
        "Every public name, from its signature and its docstring.",
        "",
    ]
    for page, title in _TITLES.items():
        names = sorted((one.name for one in by_page.get(page, [])), key=str.casefold)
        if names:
            lines += [
                f"- [{title}]({page}.md): " + ", ".join(f"[`{name}`]({page}.md#{name.lower()})" for name in names)
            ]
    return "\n".join([*lines, ""])


def _of(one: _Name, root: Path) -> str:
    node, found_in = definition(one.name, one.module, root)
    if isinstance(node, ast.ClassDef):
        body = _class(node)
    elif isinstance(node, ast.FunctionDef):
        body = [_signature(node, node.name), markdown(ast.get_docstring(node) or "")]
    else:
        body = [_fence(ast.unparse(node)), markdown(text_below(node, tree(module_file(found_in, root)).body))]
    return "\n\n".join([f"## {one.name}", _fence(f"from {one.package} import {one.name}"), *filter(None, body)])


def _class(node: ast.ClassDef) -> list[str]:
    start = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None)
    parts = [_signature(start, node.name) if start else _fields(node), markdown(ast.get_docstring(node) or "")]
    if start:
        said = (ast.get_docstring(start) or "").partition("\n\n")[2]
        # With a line before it, the first line is one of a section as any other.
        parts.append(markdown(f"\n{said}"))
    attributes = []
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and start and not _is_private(ast.unparse(item.target)):
            attributes.append((ast.unparse(item.target), _type(item.annotation), text_below(item, node.body)))
        elif _is_property(item) and isinstance(item, ast.FunctionDef) and not _is_private(item.name):
            attributes.append((item.name, _type(item.returns), ast.get_docstring(item) or ""))
    if attributes:
        rows = [f"- `{name}`: `{kind}`. {' '.join(markdown(text).split())}" for name, kind, text in attributes]
        parts.append("\n".join(["**Attributes**", "", *rows]))
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and not _is_private(item.name) and not _is_property(item):
            title = f"### {node.name}.{item.name}"
            parts += [title, _signature(item, item.name), markdown(ast.get_docstring(item) or "")]
    return parts


def _fields(node: ast.ClassDef) -> str:
    """Return the signature of a dataclass, an enumeration or the like, by its fields."""
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign | ast.Assign)]
    lines = [f"    {_field(item)}" for item in fields if not _is_private(ast.unparse(item))]
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    return _fence("\n".join([f"class {node.name}{f'({bases})' if bases else ''}:", *lines]))


def _field(item: ast.AnnAssign | ast.Assign) -> str:
    if isinstance(item, ast.Assign):
        return ast.unparse(item)
    value = f" = {ast.unparse(item.value)}" if item.value is not None else ""
    return f"{ast.unparse(item.target)}: {_type(item.annotation)}{value}"


def _signature(function: ast.FunctionDef, name: str) -> str:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if positional and positional[0].arg in {"self", "cls"}:
        positional = positional[1:]
    missing = len([*arguments.posonlyargs, *arguments.args]) - len(arguments.defaults)
    skipped = len([*arguments.posonlyargs, *arguments.args]) - len(positional)
    parts = []
    for number, argument in enumerate(positional):
        place = number + skipped - missing
        parts.append(_argument(argument, arguments.defaults[place] if place >= 0 else None))
    if arguments.vararg:
        parts.append(f"*{_argument(arguments.vararg, None)}")
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += [_argument(one, default) for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if arguments.kwarg:
        parts.append(f"**{_argument(arguments.kwarg, None)}")
    returns = f" -> {_type(function.returns)}" if function.returns and function.name != "__init__" else ""
    inside = "".join(f"    {part},\n" for part in parts)
    return _fence(f"{name}(\n{inside}){returns}" if parts else f"{name}(){returns}")


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {_type(argument.annotation)}" if argument.annotation else ""
    return f"{argument.arg}{kind}{f' = {ast.unparse(default)}' if default is not None else ''}"


def _type(annotation: ast.expr | None) -> str:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation) if annotation else ""


def _fence(code: str) -> str:
    return f"```python\n{code}\n```"


def _is_private(name: str) -> bool:
    return name.startswith("_")


def _is_property(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        ast.unparse(decorator) in {"property", "cached_property", "functools.cached_property"}
        for decorator in node.decorator_list
    )
