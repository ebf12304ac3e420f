"""`python -m benchmarks`, or `make bench`: measures everything, and writes docs/benchmarks.md with what it found."""

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import calls, handlers, messages, page, synth
from benchmarks.processes import ROOT

_PARTS = ("synthesis", "side_by_side", "imports", "calls", "messages")


def _versions() -> dict[str, str]:
    def printed(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our tools

    theirs = (ROOT / "benchmarks/apps/solutions_constructs/requirements.txt").read_text().splitlines()
    locked = dict(line.rstrip(" \\").split("==") for line in theirs if "==" in line)
    found = {name: version(name) for name in ("aws-cdk-lib", "constructs", "boto3", "aws-lambda-powertools", "cdk-nag")}
    return {
        "cdp-constructs": version("cdp-constructs"),
        "Python": platform.python_version(),
        "Node.js": printed("node", "--version").removeprefix("v"),
        **found,
        "Solutions Constructs": locked["aws-solutions-constructs-core"],
        "aws-cdk-lib of Solutions Constructs": locked["aws-cdk-lib"],
    }


def main() -> None:
    """Measure, and write the results and the page."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="counted runs of each process (default 3)")
    parser.add_argument("--quick", action="store_true", help="one round of the least of everything, for a test")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, help="only these; the others stay as they were measured")
    parser.add_argument(
        "--handlers", nargs="+", default=(), help="of imports and calls only these; the others stay as they were"
    )
    parser.add_argument("--results", type=Path, default=page.RESULTS, help="where the figures go")
    parser.add_argument("--page", type=Path, default=page.PAGE, help="where the page goes")
    options = parser.parse_args()
    if options.handlers and not set(options.parts or ("all",)) <= {"imports", "calls"}:
        parser.error("--handlers goes with --parts imports calls")
    if unknown := set(options.handlers) - {handlers.title(folder) for folder in handlers.folders()}:
        parser.error(f"no handler is called {', '.join(sorted(unknown))}: name them as the page does, family/name")
    started = time.perf_counter()
    results: dict[str, Any] = json.loads(options.results.read_text()) if options.parts else {}
    results |= {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": _versions(),
    }

    def say(what: str) -> None:
        print(f"{time.perf_counter() - started:4.0f} s  {what}", flush=True)  # noqa: T201 - progress

    ways = (synth.BY_HAND, synth.OURS)
    least = synth.Plan(rounds=1, jobs=("fan_out",), variants=ways, cold_rounds=0, instances=(1, 2))
    rounds, few = options.rounds, ("data/storage_index",)
    measured: dict[str, Callable[[], Any]] = {
        "synthesis": lambda: synth.measure(least if options.quick else synth.Plan(rounds=rounds), say),
        "side_by_side": lambda: synth.side_by_side(("fan_out",), ways[1:]) if options.quick else synth.side_by_side(),
        "imports": lambda: handlers.measure(1, few) if options.quick else handlers.measure(rounds, options.handlers),
        "calls": lambda: calls.measure(2, few) if options.quick else calls.measure(10 * rounds, options.handlers),
        "messages": lambda: messages.measure(1, 20) if options.quick else messages.measure(rounds, 2000),
    }
    for name in options.parts or measured:
        found = measured[name]()
        results[name] = {**results[name], **found} if options.handlers else found
        options.results.write_text(json.dumps(page.rounded(results), indent=2) + "\n")
        say(name)
    options.page.write_text(page.text(json.loads(options.results.read_text())))
    say(f"{options.page} is written")


if __name__ == "__main__":
    main()
