"""Docstrings as Markdown: code in fences, and the sections of Google's style as lists."""

import re
from inspect import cleandoc
from itertools import groupby
from textwrap import dedent

__all__ = ["markdown", "option_texts"]

_SECTION = re.compile(r"(Args|Returns|Raises|Yields|Attributes):")
_ENTRY = re.compile(r"(\*{0,2}\w[\w., ]*?): (.*)")
_TITLES = {"Args": "Options", "Returns": "Returns", "Raises": "Errors", "Yields": "Yields", "Attributes": "Attributes"}


def markdown(docstring: str) -> str:
    """Return a docstring as Markdown."""
    lines: list[str] = []
    for title, part in _sections(docstring):
        if title is None:
            lines += _prose(part)
        else:
            lines += ["", f"**{_TITLES[title]}**", "", *_list(part)]
    return "\n".join(lines).strip()


def option_texts(docstring: str, section: str = "Args") -> dict[str, str]:
    """Return what a section of a docstring says of each option, or field."""
    entries = [_entries(part) for title, part in _sections(docstring) if title == section]
    return {name: text for listed in entries for name, text in listed if name}


def _sections(docstring: str) -> list[tuple[str | None, list[str]]]:
    sections: list[tuple[str | None, list[str]]] = [(None, [])]
    for line in cleandoc(docstring).splitlines():
        if found := _SECTION.fullmatch(line):
            sections.append((found[1], []))
        elif line and not line.startswith(" ") and sections[-1][0] is not None:
            sections.append((None, [line]))
        else:
            sections[-1][1].append(line)
    return sections


def _prose(lines: list[str]) -> list[str]:
    """Return text with its indented examples in fences."""
    text: list[str] = []
    fenced = any(line.startswith("```") for line in lines)
    for is_code, some in groupby(lines, key=lambda line: not fenced and (line.startswith("    ") or not line)):
        part = list(some)
        if is_code and any(part):
            text += ["", "```python", *cleandoc("\n".join(part)).splitlines(), "```", ""]
        elif fenced:
            text += part
        else:
            plain = [line.removesuffix(":") if line.endswith("::") else line for line in part]
            text += _inline("\n".join(plain)).splitlines() if any(plain) else plain
    return text


def _list(lines: list[str]) -> list[str]:
    return [f"- `{name}`: {text}" if name else f"- {text}" for name, text in _entries(lines)]


def _entries(lines: list[str]) -> list[tuple[str, str]]:
    """Return entries with their names; one without a name is what a function returns."""
    entries: list[tuple[str, str]] = []
    body = dedent("\n".join(lines)).splitlines()
    for line in body:
        found = _ENTRY.fullmatch(line)
        if found:
            entries.append((found[1], _inline(found[2])))
        elif entries and line.startswith(" "):
            name, text = entries[-1]
            entries[-1] = (name, f"{text} {_inline(line.strip())}")
        elif line:
            if entries and not entries[-1][0]:
                entries[-1] = ("", f"{entries[-1][1]} {_inline(line)}")
            else:
                entries.append(("", _inline(line)))
    return entries


def _inline(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)
