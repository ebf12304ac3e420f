"""Parts of pages that follow from files: code that is tested elsewhere, tables of options from docstrings.

`python -m tools.page_parts`, or `make pages`, writes them; a test finds what is stale.
"""

import ast
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tools.definitions import definition, text_below
from tools.pages import ROOT, with_parts
from tools.patterns import exports
from tools.site_pages.docstrings import option_texts

__all__ = ["KINDS", "code", "options", "pages", "source", "split_default", "written"]

_LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml", ".json": "json"}
_COMMON = {"self", "cls", "scope", "construct_id"}
_END = r"\.(?=\s+[A-Z]|$)"
_OF_THE_SOURCE = re.compile(r"\b_\w|\bfield\(")
_DEFAULTS = (
    re.compile(rf"\s*Default: (.+?){_END}"),
    re.compile(rf"[;.] [Bb]y default (?:there (?:is|are) |it is )?(.+?){_END}"),
    re.compile(rf"; (?:it is |they are )?([^;.]+?) by default{_END}"),
    re.compile(rf"(?<=\.) ([^;.]+?) by default{_END}"),
)
"""How docstrings say what an option is when it is not given."""
_ADDRESS = re.compile(r"(?<=[\s(])https://[^\s)]+[^\s).]")


def pages(root: Path = ROOT) -> Iterator[Path]:
    """Yield the pages that may have such parts."""
    yield root / "README.md"
    yield from sorted((root / "docs").rglob("*.md"))


def written(page: str) -> str:
    """Return a page with its parts as they should be."""
    return with_parts(page, KINDS)


def code(about: str) -> str:
    """Return a file of the project, or a function of it, as a block of code.

    Args:
        about: A path, and optionally a function's name, whose decorators are left out.
    """
    path, _, name = about.partition(" ")
    text = (ROOT / path).read_text()
    if name:
        text = _function(text, name)
    block = f"```{_LANGUAGES[Path(path).suffix]}\n{text.strip()}\n```"
    return f"{block}\n\nFrom `{path}`." if name else block


def _function(text: str, name: str) -> str:
    [node] = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name]
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def options(about: str) -> str:
    """Return a table of options for each class and method named.

    Args:
        about: Names such as ``SnsSqsFanout`` and ``SnsSqsFanout.add_subscriber``.
    """
    return "\n\n".join(_table(name) for name in about.split(" "))


def _table(name: str) -> str:
    of_class, _, method = name.partition(".")
    node, module = definition(of_class, _modules()[of_class], ROOT)
    if not isinstance(node, ast.ClassDef):
        raise TypeError(f"{of_class} is no class")
    found = _fields(node) if not method and _is_value(node) else _arguments(node, method or "__init__")
    rows = [_row(*one, module) for one in found]
    title = f"{name}(…)" if not method or _is_static(node, method) else f".{method}(…)"
    return "\n".join(
        [
            f"| `{title}` | default | |",
            "|---|---|---|",
            *(f"| `{one}` | {default} | {said} |" for one, default, said in rows),
        ]
    )


@functools.cache
def _modules() -> Mapping[str, str]:
    return {export.name: export.module for export in exports()}


def _is_static(node: ast.ClassDef, method: str) -> bool:
    [function] = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == method]
    return any(ast.unparse(one) in {"staticmethod", "classmethod"} for one in function.decorator_list)


def _is_value(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(one) for one in node.decorator_list)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str, ast.expr | None]]:
    """Yield name, text and default of each field of a dataclass."""
    described = option_texts(ast.get_docstring(node) or "", "Attributes")
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id[0] != "_":
            text = text_below(field, node.body) or described.get(field.target.id, "")
            yield field.target.id, text, field.value


def _arguments(node: ast.ClassDef, method: str) -> Iterator[tuple[str, str, ast.expr | None]]:
    """Yield name, text and default of each argument of a method that is described."""
    [function] = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == method]
    documented = ast.get_docstring(function) or (ast.get_docstring(node) if method == "__init__" else "") or ""
    described = option_texts(documented)
    arguments = function.args
    positional = arguments.args
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    for argument, default in [
        *zip(positional, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]:
        if argument.arg not in _COMMON:
            yield argument.arg, described.get(argument.arg, ""), default


def _row(name: str, text: str, default: ast.expr | None, module: str) -> tuple[str, str, str]:
    told, said = split_default(" ".join(text.split()))
    if not told:
        told = "required" if default is None else _value(default, module)
    return name, _cell(told), _cell(said)


def split_default(text: str) -> tuple[str, str]:
    """Return what a docstring says of an option that is not given, nothing if it does not, and the rest."""
    for pattern in _DEFAULTS:
        if found := pattern.search(text):
            before, after = text[: found.start()].rstrip(".;"), text[found.end() :]
            return found[1], f"{before}.{after}".removeprefix(".").strip()
    return "", text


def _value(default: ast.expr, module: str) -> str:
    """Write a default as it stands in the code of a module, constants by their values."""
    match default:
        case ast.Constant(value=None):
            return ""
        case ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return "none"
        case ast.Attribute():
            return f"`{default.attr}`"
        case ast.Name():
            return _constant(default.id, module)
        case ast.Call(keywords=[ast.keyword(arg="default_factory", value=ast.Lambda(body=body))]):
            return _value(body, module)
        case _:
            return _written(default, module)


def _written(default: ast.expr, module: str) -> str:
    written = ast.unparse(default)
    if written == "field(default_factory=dict)":
        return "none"
    if _OF_THE_SOURCE.search(written):
        raise ValueError(f"{module}: say `Default: …` in the docstring, since readers do not know {written}")
    return f"`{written}`"


def _constant(name: str, module: str) -> str:
    try:
        node, found_in = definition(name, module, ROOT)
    except LookupError:
        return f"`{name}`"
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return f"`{name}`" if value is None else _value(value, found_in)


def _cell(text: str) -> str:
    text = " ".join(text.split()).replace("``", "`").replace("|", "\\|")
    text = re.sub(r"\s*Source: (https://\S+?)\.?(?=\s|$)", r" [Source](\1).", text)
    return _ADDRESS.sub(_linked, text) if "](" not in text else text


def _linked(address: re.Match[str]) -> str:
    host = urlsplit(address[0]).netloc
    return f"[{'AWS' if host.endswith('.amazon.com') else host.removeprefix('www.')}]({address[0]})"


def source(about: str) -> str:
    """Return which patterns of the catalogue a pattern's page is about, by the table of the catalogue.

    Args:
        about: Name of the page, such as ``sns-sqs-fanout``.
    """
    rows = _CATALOGUED.findall((ROOT / "docs/cdp.md").read_text())
    named = [f"{number}, {name}" for number, name, where in rows if f"(patterns/{about}.md)" in where]
    catalogue = "[57 Cloud Design Patterns](../cdp.md)"
    if not named:
        return f"None of the {catalogue}."
    return f"Of the {catalogue}: {'; '.join(named)}."


_CATALOGUED = re.compile(r"^\| (\d+) \| (.+?) \| .+? \| \S+ \| (.+) \|$", re.MULTILINE)

KINDS: Mapping[str, Callable[[str], str]] = {"code": code, "options": options, "source": source}
"""What writes a part, by its kind."""


if __name__ == "__main__":
    for page in pages():
        text = page.read_text()
        if (now := written(text)) != text:
            page.write_text(now)
            print(f"written: {page.relative_to(ROOT)}")  # noqa: T201
