"""Times whole synthesis processes in turn: this library against the same resources by hand, both started alike.

Processes run A B C A B C …, so that a machine that becomes slower slows all of them. Each is a plain ``python``: no
setting of Node, jsii or Python.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
GOAL = 1.05
BY_HAND, OURS = "fan-out by hand", "SnsSqsFanout"
_CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"]
COMMANDS = {
    BY_HAND: ["-m", "benchmarks.apps.fan_out_by_hand"],
    OURS: ["-m", "benchmarks.apps.fan_out"],
    "import SnsSqsFanout": ["-c", "from cdp_constructs import SnsSqsFanout"],
    "app.py, chat": ["app.py"],
    "app.py, chat and IoT": ["app.py"],
}
CONTEXTS = {"app.py, chat": {"systems": ["chat"]}}


@dataclass(frozen=True)
class Run:
    """One process: seconds on the wall and in user code, jsii's Node included, and MB of the largest part."""

    wall: float
    user: float
    memory: float


def run(name: str, outdir: str) -> Run:
    """Run a process in the project's folder, with its assembly in ``outdir``.

    Raises:
        subprocess.CalledProcessError: when the process fails.
    """
    context = json.dumps(_CONTEXT | CONTEXTS.get(name, {}))
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and scripts
        [sys.executable, *COMMANDS[name]],
        cwd=ROOT,
        env={**os.environ, "CDK_OUTDIR": outdir, "CDK_CONTEXT_JSON": context, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, COMMANDS[name])
    return Run(wall, usage.ru_utime, usage.ru_maxrss / 1024)


def resources(outdir: str) -> Counter[str]:
    """Count the resources of an assembly by type."""
    templates = [json.loads(file.read_text()) for file in Path(outdir).glob("*.template.json")]
    return Counter(item["Type"] for template in templates for item in template["Resources"].values())


def measure(count: int) -> dict[str, list[Run]]:
    """Run the processes in turn, ``count`` times each after a turn that fills byte code and disk caches.

    Raises:
        AssertionError: when the fan-outs do not consist of the same resources, so that a comparison would mean nothing.
    """
    runs: dict[str, list[Run]] = {name: [] for name in COMMANDS}
    made: dict[str, Counter[str]] = {}
    for turn in range(count + 1):
        for name in COMMANDS:
            with tempfile.TemporaryDirectory() as outdir:
                measured = run(name, outdir)
                made[name] = resources(outdir)
            if turn:
                runs[name].append(measured)
    if made[BY_HAND] != made[OURS]:
        raise AssertionError(f"not the same resources: {made[BY_HAND]} by hand, {made[OURS]} here")
    return runs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each process (default 5)")
    options = parser.parse_args()
    runs = measure(options.runs)
    table = Table(title=f"{options.runs} runs of each in turn, medians")
    for column in ("process", "wall s", "user s", "peak MB"):
        table.add_column(column, justify="left" if column == "process" else "right")
    for name, measured in runs.items():
        wall, user, memory = (statistics.median(getattr(one, key) for one in measured) for key in vars(measured[0]))
        table.add_row(name, f"{wall:.2f}", f"{user:.2f}", f"{memory:.0f}")
    ratios = [ours.user / by_hand.user for ours, by_hand in zip(runs[OURS], runs[BY_HAND], strict=True)]
    walls = [ours.wall / by_hand.wall for ours, by_hand in zip(runs[OURS], runs[BY_HAND], strict=True)]
    ratio, wall = statistics.median(ratios), statistics.median(walls)
    console = Console()
    console.print(table)
    console.print(f"{OURS} / {BY_HAND}, pair by pair: {wall:.2f} (wall), {ratio:.2f} (user). Goal: at most {GOAL}.")
    console.print("Reached." if wall <= GOAL else "Missed.")


if __name__ == "__main__":
    main()
