"""Tries the cloud assemblies of a local clone on the embedded cloud, and writes how many deploy.

`python -m tools.foreign CLONE --count 100`, with `--assertions` for the integration tests of the CDK that assert on
what they deploy, with `--write` into docs/local-cloud.md, with `--results FILE` as JSON. Each assembly gets a process
and an embedded cloud of its own.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cdp_constructs import __version__
from cdp_constructs.assembly import AssemblyError, read_assembly
from tools.foreign.attempt import is_assertion
from tools.pages import with_part

__all__ = ["assemblies", "main", "table"]

PAGE = Path(__file__).parents[2] / "docs" / "local-cloud.md"
BEGIN = "<!-- foreign applications: begin, written by `make foreign` -->"
END = "<!-- foreign applications: end -->"
OUTCOMES = ("deployed", "deployed with records", "refused", "rolled back", "crashed", "hung")
ASSERTIONS = ("passed", "failed", "refused", "rolled back", "crashed", "hung")
_SECONDS = 180


def assemblies(clone: Path, *, assertions: bool) -> list[Path]:
    """Return the folders of a clone that are cloud assemblies with a stack, those nested in others left out."""
    found: list[Path] = []
    # Those with the shortest path first: an assembly comes before those nested in it.
    for manifest in sorted(clone.rglob("manifest.json"), key=lambda file: len(file.parts)):
        folder = manifest.parent
        if any(other in folder.parents for other in found):
            continue
        try:
            stacks = read_assembly(folder)
        except (AssemblyError, KeyError, OSError, TypeError, ValueError):  # a manifest of something else
            continue
        if stacks and (not assertions or any(map(_asserts, stacks))):
            found.append(folder)
    return sorted(found)


def _asserts(stack: object) -> bool:
    template = stack.template() if hasattr(stack, "template") else {}
    return is_assertion(stack) and bool(template.get("Resources"))  # type: ignore[arg-type]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _spread(folders: Sequence[Path], count: int) -> list[Path]:
    """Return so many of them, evenly from the whole list, so that every part of the clone has its share."""
    if count >= len(folders):
        return list(folders)
    return [folders[index * len(folders) // count] for index in range(count)]


def _try(folder: Path, options: Sequence[str]) -> Mapping[str, str]:
    command = [sys.executable, "-m", "tools.foreign.attempt", str(folder), *options]
    try:
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        return {"outcome": "hung", "reason": f"no end within {_SECONDS} s"}
    try:
        result: Mapping[str, str] = json.loads(ended.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"outcome": "crashed", "reason": ended.stderr[-1500:]}
    return result


def table(results: Mapping[str, Mapping[str, str]], outcomes: Sequence[str], clone: str) -> str:
    """Return the numbers as a table in Markdown, with the date and the versions they hold for."""
    counted = Counter(result["outcome"] for result in results.values())
    rows = [f"| {outcome} | {counted[outcome]} |" for outcome in outcomes]
    said = (
        f"{len(results)} assemblies of `{clone}` on {datetime.now(UTC):%Y-%m-%d}, with cdp-constructs {__version__}, "
        f"MiniStack {version('ministack')} and the AWS SDK for Node.js installed:"
    )
    return "\n".join([said, "", "| outcome | assemblies |", "|---|---|", *rows])


def main() -> None:
    """Try the assemblies that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--assertions", action="store_true")
    parser.add_argument("--write", metavar="NAME", help="how the page names the clone")
    parser.add_argument("--results", type=Path)
    given = parser.parse_args()
    found = assemblies(given.clone, assertions=given.assertions)
    chosen = _spread(found, given.count)
    _say(f"{len(chosen)} of {len(found)} assemblies")
    results: dict[str, Mapping[str, str]] = {}
    with ThreadPoolExecutor(given.at_once) as pool:
        options = ["--assertions"] if given.assertions else []
        started = time.monotonic()
        for folder, result in zip(chosen, pool.map(lambda each: _try(each, options), chosen), strict=True):
            name = str(folder.relative_to(given.clone))
            results[name] = result
            _say(f"{time.monotonic() - started:6.0f} s  {result['outcome']:22} {name}")
            if result["outcome"] not in {"deployed", "deployed with records", "passed"}:
                _say("          " + result["reason"].replace("\n", "\n          ")[:800])
    outcomes = ASSERTIONS if given.assertions else OUTCOMES
    _say(table(results, outcomes, given.write or given.clone.name))
    if given.results:
        given.results.write_text(json.dumps(results, indent=1))
    if given.write:
        PAGE.write_text(with_part(PAGE.read_text(), BEGIN, table(results, outcomes, given.write), END))


if __name__ == "__main__":
    main()
