"""The integration tests of the CDK that assert on what they deploy: in which order, and why some do not pass."""

import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdp_constructs.assembly import read_assembly
from cdp_constructs.local.coverage.labels import LABELS, Support
from tools.foreign.attempt import is_assertion

__all__ = ["LACKS_FILES", "asserts", "by_support", "explained", "failures", "lacking", "short"]

LACKS_FILES = "lacks files"
"""The outcome of an assembly that was committed without files of its assets: it cannot be deployed anywhere."""
EXPLANATIONS = Path(__file__).with_name("explanations.toml")
_NOT_LOOKED_INTO = "not looked into"
_SUPPORTS = (Support.EXECUTED, Support.CONTROL_PLANE_ONLY, Support.RECORD_ONLY)


def asserts(folder: Path) -> bool:
    """Whether an assembly has an assertion."""
    return any(is_assertion(stack) and stack.template().get("Resources") for stack in read_assembly(folder))


def by_support(folders: Sequence[Path]) -> list[Path]:
    """Return assemblies with those first whose types are all executed, and those last that have most records."""
    return sorted(folders, key=lambda folder: (*_missing(folder), str(folder)))


def _missing(folder: Path) -> tuple[int, int]:
    """Return how many types of an assembly are only recorded, and how many have no more than a control plane."""
    resources = [each for stack in read_assembly(folder) for each in stack.template().get("Resources", {}).values()]
    labels = [LABELS[name] for name in {each["Type"] for each in resources} - {"AWS::CDK::Metadata"} if name in LABELS]
    count = {support: sum(label.support is support for label in labels) for support in _SUPPORTS}
    return count[Support.RECORD_ONLY], count[Support.CONTROL_PLANE_ONLY]


def lacking(folder: Path) -> list[str]:
    """Return the names of the files of assets that an assembly names and was committed without."""
    sources = {asset.source for stack in read_assembly(folder) for asset in stack.assets}
    return sorted(source.name for source in sources if not source.exists())


def short(name: str) -> str:
    """Return a shorter name for an integration test: its package and its own name."""
    package = next(
        (
            part
            for part in name.split("/")
            if part.startswith(("aws-", "core", "custom-", "integ-", "pipelines", "triggers"))
        ),
        "",
    )
    own = name.rpartition("/")[2].removesuffix(".snapshot").removesuffix(".js").removeprefix("integ.")
    return f"{package}/{own}"


def explained() -> Mapping[str, str]:
    """Return why assemblies do not pass, by their short names, as it was found out."""
    data = tomllib.loads(EXPLANATIONS.read_text())
    return {name: each["why"] for each in data["explanations"] for name in each["assemblies"]}


def failures(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return why assemblies do not pass as a table in Markdown, a row for each reason and outcome."""
    whys, rows = explained(), defaultdict(list)
    for name, result in sorted(results.items()):
        if result["outcome"] not in {"passed", LACKS_FILES}:
            rows[whys.get(short(name), _NOT_LOOKED_INTO), result["outcome"]].append(f"`{short(name)}`")
    every = [f"| {why} | {outcome} | {', '.join(names)} |" for (why, outcome), names in sorted(rows.items())]
    return "\n".join(["| why | outcome | assemblies |", "|---|---|---|", *every])
