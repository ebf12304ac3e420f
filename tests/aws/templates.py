"""Every template that this project's tests keep: those of the patterns and of both systems."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
FILES = sorted(file for file in TESTS.glob("**/__snapshots__/**/*.json") if "Resources" in file.read_text())


@cache
def template(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def stacks(file: Path) -> Iterator[Mapping[str, Any]]:
    """The resources of each stack of a file, which has one or several."""
    found = template(file)
    for body in [found] if "Resources" in found else found.values():
        if isinstance(body, dict) and "Resources" in body:
            yield body["Resources"]


def resources(file: Path, *types: str) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Logical id, resource, and all resources of its stack, of some types."""
    for stack in stacks(file):
        for logical_id, resource in stack.items():
            if resource["Type"] in types:
                yield logical_id, resource, stack


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
