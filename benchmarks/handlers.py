"""What handlers cost when they start: import and memory, against a bare handler that imports the same things."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT

__all__ = ["LAYERS", "Deployed", "deployed", "folders", "measure", "title"]

LAYERS = [str(folder) for folder in sorted((ROOT / "cdp_constructs").glob("*/layers/*/python"))]
_PLACEHOLDER = "example"


@dataclass(frozen=True)
class Deployed:
    """How a handler is deployed, by the committed templates."""

    environment: Mapping[str, str]
    memory: int


def folders() -> list[Path]:
    """Return the folders of the handlers of the library and of the systems that a committed template deploys."""
    found = [*(ROOT / "cdp_constructs").glob("*/handlers/*/index.py"), *(ROOT / "stacks").glob("*/handlers/*/index.py")]
    return sorted(file.parent for file in found if file.parent.name in deployed())


@cache
def deployed() -> Mapping[str, Deployed]:
    """Return how handlers are deployed, by the names of their folders."""
    found: dict[str, Deployed] = {}
    for name, properties in _functions():
        variables: dict[str, Any] = properties.get("Environment", {}).get("Variables", {})
        environment = {key: _text(value) for key, value in variables.items()}
        known = found.get(name)
        merged = {**environment, **(known.environment if known else {})}
        found[name] = Deployed(merged, properties.get("MemorySize", 128))
    return found


def _functions() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((ROOT / "tests").glob("**/__snapshots__/**/*.json")):
        for resource in _resources(json.loads(file.read_text())):
            properties = resource.get("Properties", {})
            variables = properties.get("Environment", {}).get("Variables", {})
            # A function that is run once is called by another entry.
            handler = variables.get("RUN_ONCE_HANDLER", properties.get("Handler", ""))
            if resource.get("Type") == "AWS::Lambda::Function" and str(handler).startswith("handlers."):
                yield handler.split(".")[1], properties


def _text(value: Any) -> str:
    """Return a value as CloudFormation could fill it in; what it knows only when it deploys is a placeholder."""
    if isinstance(value, dict) and "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator.join(_text(part) for part in parts)) if isinstance(parts, list) else _PLACEHOLDER
    return value if isinstance(value, str) else _PLACEHOLDER


def _resources(document: Any) -> Iterator[dict[str, Any]]:
    """Return the resources of a template, or of templates by name."""
    if not isinstance(document, dict):
        return
    if "Resources" in document:
        yield from document["Resources"].values()
    else:
        for value in document.values():
            yield from _resources(value)


def measure(rounds: int, names: Sequence[str] = ()) -> dict[str, Any]:
    """Start handlers and bare handlers in turn.

    Args:
        rounds: Counted starts of each, after one that is not.
        names: Only these handlers, such as ``data/storage_index``; all by default.
    """
    chosen = [folder for folder in folders() if not names or title(folder) in names]
    about = {folder: _process(folder, "inspect", str(folder)) for folder in chosen}
    costs: dict[Path, list[tuple[dict[str, Any], dict[str, Any]]]] = {folder: [] for folder in chosen}
    for _ in range(rounds):
        for folder in chosen:
            extras = [name for name in ("resolver", "models") if about[folder][name]]
            bare = _process(folder, "bare", json.dumps(about[folder]["clients"]), *extras)
            costs[folder].append((_process(folder, "handler", str(folder)), bare))
    return {title(folder): _row(folder, about[folder], pairs) for folder, pairs in costs.items()}


def _row(folder: Path, about: dict[str, Any], pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    return {
        "cpu_ms": statistics.median(ours["cpu_ms"] for ours, _ in pairs),
        "bare_ms": statistics.median(bare["cpu_ms"] for _, bare in pairs),
        "ratio": statistics.median(ours["cpu_ms"] / bare["cpu_ms"] for ours, bare in pairs),
        "memory": max(ours["memory"] for ours, _ in pairs),
        "setting": deployed()[folder.name].memory,
        "kind": " and ".join(name for name in ("resolver", "models") if about[name]) or "boto3 and Logger",
        "xray": about["xray"],
    }


def title(folder: Path) -> str:
    """Return how the page calls a handler, such as ``data/storage_index``."""
    return f"{folder.parents[1].name}/{folder.name}"


def _process(folder: Path, *arguments: str) -> dict[str, Any]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *LAYERS]),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": _PLACEHOLDER,
        "AWS_SECRET_ACCESS_KEY": _PLACEHOLDER,
        "AWS_LAMBDA_FUNCTION_NAME": folder.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "POWERTOOLS_TRACE_DISABLED": "1",
        **deployed()[folder.name].environment,
    }
    command = [sys.executable, "-m", "benchmarks.handler_process", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{title(folder)}, {arguments[0]}: {done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured
