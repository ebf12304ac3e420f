"""Tries the cloud assemblies of a local clone on the embedded cloud, and writes how many deploy.

`python -m tools.foreign CLONE --count 100`, with `--listed` for those whose entries are listed in `entries`, with
`--assertions` for the integration tests of the CDK that assert on what they deploy, with `--write` into
docs/local-cloud.md, with `--results FILE` as JSON, where what has a result already is left out. Each assembly
gets a process and an embedded cloud of its own, and listed entries are tried as soon as it is deployed.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cdp_constructs import __version__
from cdp_constructs.assembly import AssemblyError, read_assembly
from tools.foreign.conformance import LACKS_FILES, asserts, by_support, failures, lacking
from tools.foreign.drive import KINDS
from tools.foreign.listed import listed
from tools.pages import with_part

__all__ = ["answers", "assemblies", "main", "table"]

PAGE = Path(__file__).parents[2] / "docs" / "local-cloud.md"
BEGIN = "<!-- foreign applications: begin, written by `make foreign` -->"
END = "<!-- foreign applications: end -->"
ASSERTIONS_BEGIN = "<!-- assertions of the CDK: begin, written by `make conformance` -->"
ASSERTIONS_END = "<!-- assertions of the CDK: end -->"
OUTCOMES = ("deployed", "deployed with records", "refused", "rolled back", "crashed", "hung")
ASSERTIONS = ("passed", "failed", "refused", "rolled back", "crashed", "hung", LACKS_FILES)
_SECONDS = 180
_LONGER = 30
"""Seconds that a process has beyond those of its attempt, so that it can say itself what it waits for."""


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
        if stacks and (not assertions or asserts(folder)):
            found.append(folder)
    return sorted(found)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _spread(folders: Sequence[Path], count: int) -> list[Path]:
    """Return so many of them, evenly from the whole list, so that every part of the clone has its share."""
    if count >= len(folders):
        return list(folders)
    return [folders[index * len(folders) // count] for index in range(count)]


def _try(folder: Path, name: str, options: Sequence[str]) -> Mapping[str, Any]:
    if "--assertions" in options and (files := lacking(folder)):
        return {"outcome": LACKS_FILES, "reason": ", ".join(files)}
    command = [sys.executable, "-m", "tools.foreign.attempt", str(folder), "--name", name, "--seconds", str(_SECONDS)]
    try:
        ended = subprocess.run(  # noqa: S603
            [*command, *options], check=False, capture_output=True, text=True, timeout=_SECONDS + _LONGER
        )
    except subprocess.TimeoutExpired:
        return {"outcome": "hung", "reason": f"no end within {_SECONDS} s"}
    try:
        result: Mapping[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"outcome": "crashed", "reason": ended.stderr[-1500:]}
    return result


def table(results: Mapping[str, Mapping[str, Any]], outcomes: Sequence[str], clone: str) -> str:
    """Return the numbers as a table in Markdown, with the date and the versions they hold for."""
    counted = Counter(result["outcome"] for result in results.values())
    rows = [f"| {outcome} | {counted[outcome]} |" for outcome in outcomes]
    said = (
        f"{len(results)} assemblies of `{clone}` on {datetime.now(UTC):%Y-%m-%d}, with cdp-constructs {__version__}, "
        f"MiniStack {version('ministack')} and the AWS SDK for Node.js installed:"
    )
    return "\n".join([said, "", "| outcome | assemblies |", "|---|---|", *rows])


def answers(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return how many listed entries answered as expected as a table in Markdown, by kind."""
    tried = {name: result["entries"] for name, result in results.items() if result.get("entries")}
    every = [entry for entries in tried.values() for entry in entries]
    good = sum(all(entry["reason"] is None for entry in entries) for entries in tried.values())
    rows = []
    for kind in (*dict.fromkeys(KINDS.values()), "event"):
        of_kind = [entry for entry in every if entry["kind"] == kind]
        answered = sum(entry["reason"] is None for entry in of_kind)
        name = "events, records, objects, items" if kind == "event" else kind
        rows += [f"| {name} | {len(of_kind)} | {answered} |"] if of_kind else []
    said = (
        f"{len(tried)} of them have entries that are listed with the expected answer (`tools/foreign/entries`): "
        f"those of {good} answer as expected."
    )
    return "\n".join([said, "", "| entries | tried | as expected |", "|---|---|---|", *rows])


def _tell(seconds: float, name: str, result: Mapping[str, Any]) -> None:
    _say(f"{seconds:6.0f} s  {result['outcome']:22} {name}")
    if result["outcome"] not in {"deployed", "deployed with records", "passed"}:
        _say("          " + result["reason"].replace("\n", "\n          ")[:800])
    for entry in result.get("entries", ()):
        if entry["reason"] is not None:
            _say(f"          {entry['to']}: {entry['reason']}")


def main() -> None:
    """Try the assemblies that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--assertions", action="store_true")
    parser.add_argument("--listed", action="store_true")
    parser.add_argument("--write", metavar="NAME", help="how the page names the clone")
    parser.add_argument("--results", type=Path)
    given = parser.parse_args()
    found = assemblies(given.clone, assertions=given.assertions)
    if given.listed:
        found = [folder for folder in found if str(folder.relative_to(given.clone)) in listed()]
    chosen = by_support(found)[: given.count] if given.assertions else _spread(found, given.count)
    _say(f"{len(chosen)} of {len(found)} assemblies")
    results = _tried(chosen, given)
    outcomes = ASSERTIONS if given.assertions else OUTCOMES
    said = table(results, outcomes, given.write or given.clone.name)
    if any(result.get("entries") for result in results.values()):
        said += f"\n\n{answers(results)}"
    if given.assertions:
        said += f"\n\n{failures(results)}"
    _say(said)
    if given.write:
        begin, end = (ASSERTIONS_BEGIN, ASSERTIONS_END) if given.assertions else (BEGIN, END)
        PAGE.write_text(with_part(PAGE.read_text(), begin, said, end))


def _tried(chosen: Sequence[Path], given: argparse.Namespace) -> dict[str, Mapping[str, Any]]:
    """Return what came of each, and keep it as soon as it is known, so that a long run can be taken up again."""
    known: dict[str, Mapping[str, Any]] = {}
    if given.results and given.results.exists():
        known = json.loads(given.results.read_text())
    names = {str(folder.relative_to(given.clone)): folder for folder in chosen}
    results = {name: known[name] for name in names if name in known}
    options = ["--assertions"] if given.assertions else []
    started = time.monotonic()
    with ThreadPoolExecutor(given.at_once) as pool:
        attempts = {
            pool.submit(_try, folder, name, options): name for name, folder in names.items() if name not in results
        }
        for attempt in as_completed(attempts):
            name = attempts[attempt]
            results[name] = known[name] = attempt.result()
            _tell(time.monotonic() - started, name, results[name])
            if given.results:
                given.results.write_text(json.dumps(known, indent=1))
    return results


if __name__ == "__main__":
    main()
