"""Time ``python app.py`` of the chat against the least that any app of the same CDK modules has to pay.

The baseline process imports the CDK modules that the chat's process ends up with and synthesises one empty stack per
Region and one global one, with the same validation. Both run in turn (A B A B …), so that a machine that gets slower in
between slows both; the figure to quote is the ratio of medians. The goal is at most 1.5.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
GOAL = 1.5

# Prints the CDK modules that the chat's own process has imported by its end.
_LIST_MODULES = """
import runpy, sys
sys.argv = ["app.py"]
runpy.run_path("app.py", run_name="__main__")
print("MODULES", " ".join(sorted(n for n in sys.modules if n.startswith(("aws_cdk", "cdk_nag", "constructs")))))
"""

_BASELINE = """
import json
from pathlib import Path
{imports}
import aws_cdk, cdk_nag
context = json.loads(Path("cdk.json").read_text())["context"]
# A stack without resources is a finding for the template rules; they are to be paid for, not obeyed, here.
context["@aws-cdk/core:failSynthOnValidationErrors"] = False
context["@aws-cdk/core:validationReportPrettyPrint"] = False
app = aws_cdk.App(context=context)
aws_cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
regions = context["chat"]["regions"]
for name, region in [("Global", regions[0]), *((r, r) for r in regions)]:
    aws_cdk.Stack(app, f"Empty-{{name}}", env=aws_cdk.Environment(region=region))
app.synth()
"""


@dataclass(frozen=True)
class Run:
    """One finished process: seconds on the wall, in user code and in the kernel, children included."""

    wall: float
    user: float
    system: float


def run(arguments: list[str]) -> Run:
    """Run a process in the project's folder and account for it and its children (jsii's Node).

    Raises:
        subprocess.CalledProcessError: when the process fails.
    """
    with tempfile.TemporaryDirectory() as outdir:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run(  # noqa: S603 - our own interpreter and scripts
            arguments, cwd=ROOT, env={**os.environ, "CDK_OUTDIR": outdir}, check=True, capture_output=True
        )
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(wall, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)


def baseline_script() -> str:
    """Write the baseline: the chat's CDK modules, imported, and empty stacks."""
    with tempfile.TemporaryDirectory() as outdir:
        listed = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-c", _LIST_MODULES],
            cwd=ROOT,
            env={**os.environ, "CDK_OUTDIR": outdir},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    [modules] = [line.split()[1:] for line in listed.splitlines() if line.startswith("MODULES")]
    public = [name for name in modules if "._" not in name]
    return _BASELINE.format(imports="\n".join(f"import {name}" for name in public))


def main() -> int:
    """Measure and print; exit 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each process (default 5)")
    options = parser.parse_args()
    commands = {"chat": [sys.executable, "app.py"], "baseline": [sys.executable, "-c", baseline_script()]}
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(options.runs + 1):
        for name, command in commands.items():
            measured = run(command)
            if turn:  # the first turn fills byte code and disk caches
                runs[name].append(measured)

    table = Table(title=f"python app.py, {options.runs} runs in turn, seconds (median)")
    for column in ("", "wall", "user", "system"):
        table.add_column(column, justify="left" if not column else "right")
    medians = {
        name: [statistics.median(getattr(one, figure) for one in measured) for figure in ("wall", "user", "system")]
        for name, measured in runs.items()
    }
    for name, figures in medians.items():
        table.add_row(name, *(f"{figure:.2f}" for figure in figures))
    ratios = [chat / base for chat, base in zip(medians["chat"], medians["baseline"], strict=True)]
    table.add_row("ratio", *(f"{ratio:.2f}" for ratio in ratios))
    console = Console()
    console.print(table)
    console.print(f"Goal: at most {GOAL} x the baseline's wall time.")
    return 0 if ratios[0] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
