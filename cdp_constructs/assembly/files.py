"""Files that a manifest names."""

import json
from pathlib import Path
from typing import Any

from cdp_constructs.assembly.errors import AssemblyError

__all__ = ["load", "part"]

_MANIFEST = "manifest.json"


def load(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file of the assembly."""
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        problem = "does not exist" if missing else f"cannot be read ({error.strerror})"
        remedy = (
            "name the folder that `cdk synth` wrote, usually cdk.out"
            if file.name == _MANIFEST
            else "the assembly is incomplete: synthesise again, or copy the whole folder"
        )
        raise AssemblyError(f"{file} {problem}; {remedy}") from error
    except ValueError as error:
        raise AssemblyError(f"{file} is not JSON ({error}); synthesise again into a clean folder") from error
    if not isinstance(content, dict):
        raise AssemblyError(f"{file} is no object of JSON; synthesise again into a clean folder")
    return content


def part(folder: Path, name: str) -> Path:
    """Return a file or folder that a manifest names; those of an assembly are in its folder."""
    found = folder / name
    if not found.resolve().is_relative_to(folder.resolve()):
        raise AssemblyError(f"{folder / _MANIFEST} names {name}, which is outside the assembly; synthesise again")
    return found
