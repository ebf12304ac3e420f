"""Time ``python app.py`` of the chat, and say where its time goes.

Four processes run in turn (A B C D A B C D …), so that a machine that gets slower in between slows all of them:

- *chat*: ``python app.py``.
- *empty*: imports the CDK modules that the chat's process ends up with and synthesises an empty stack per Region and a
  global one, with the same checks, started plainly. The goal is at most 1.5 times this one.
- *empty, started alike*: the same, started as ``app.py`` is (``cdp_constructs.startup``, no garbage collection, a short
  end): what is left between this one and the chat is the chat itself.
- *included*: the chat's finished templates, read back resource by resource with ``CfnInclude``, with the same checks:
  what the CDK itself takes for these resources, without a line of this library and with hardly a call from Python.
"""

import argparse
import json
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
# As the CDK CLI hands the context over; the other systems would be built too without it.
CONTEXT = json.dumps(json.loads((ROOT / "cdk.json").read_text())["context"] | {"systems": ["chat"]})
GOAL = 1.5

# Prints the CDK modules that the chat's own process has imported by its end.
_LIST_MODULES = """
import sys
import app
app.main()
print("MODULES", " ".join(sorted(n for n in sys.modules if n.startswith(("aws_cdk", "cdk_nag", "constructs")))))
"""

# A template has no acknowledgments and an empty stack is a finding itself: checks are paid for here, not obeyed.
_APP = """
import json, tempfile
from pathlib import Path
{imports}
import aws_cdk, cdk_nag
from aws_cdk import cloudformation_include
context = json.loads(Path("cdk.json").read_text())["context"]
context["@aws-cdk/core:failSynthOnValidationErrors"] = False
context["@aws-cdk/core:validationReportPrettyPrint"] = False
app = aws_cdk.App(context=context)
aws_cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
regions = context["chat"]["regions"]
"""

_EMPTY = (
    _APP
    + """
for name, region in [("Global", regions[0]), *((r, r) for r in regions)]:
    aws_cdk.Stack(app, f"Empty-{{name}}", env=aws_cdk.Environment(region=region))
app.synth()
"""
)

_STARTED_ALIKE = """
import atexit, gc, os, sys
gc.disable()
from cdp_constructs.startup import tune_node
tune_node()
import aws_cdk
validator = aws_cdk.CloudFormationValidatePlugin()
{empty}
atexit._run_exitfuncs()
sys.stdout.flush()
os._exit(0)
"""

_INCLUDED = (
    _APP
    + """
with tempfile.TemporaryDirectory() as directory:
    for file in sorted(Path({assembly!r}).glob("*.template.json")):
        # CfnInclude does not know references to another Region's stack yet.
        template = json.loads(file.read_text(), object_hook=lambda o: "id" if "Fn::GetStackOutput" in o else o)
        # The stack brings these two itself.
        template["Parameters"].pop("BootstrapVersion")
        template.pop("Rules")
        copy = Path(directory, file.name)
        copy.write_text(json.dumps(template))
        stack = aws_cdk.Stack(app, file.name.partition(".")[0], env=aws_cdk.Environment(region=regions[0]))
        cloudformation_include.CfnInclude(stack, "Template", template_file=str(copy))
    app.synth()
"""
)


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
        environment = {**os.environ, "CDK_OUTDIR": outdir, "CDK_CONTEXT_JSON": CONTEXT}
        subprocess.run(  # noqa: S603 - our own interpreter and scripts
            arguments, cwd=ROOT, env=environment, check=True, capture_output=True
        )
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(wall, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)


def imports_of_the_chat(assembly: str) -> str:
    """Synthesise the chat once into a directory and return imports of the CDK modules that its process ends up with."""
    listed = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", _LIST_MODULES],
        cwd=ROOT,
        env={**os.environ, "CDK_OUTDIR": assembly, "CDK_CONTEXT_JSON": CONTEXT},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    [modules] = [line.split()[1:] for line in listed.splitlines() if line.startswith("MODULES")]
    return "\n".join(f"import {name}" for name in modules if "._" not in name)


def measure(commands: dict[str, list[str]], count: int) -> dict[str, list[Run]]:
    """Run the commands in turn, ``count`` times each after a turn that fills byte code and disk caches."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(count + 1):
        for name, command in commands.items():
            measured = run(command)
            if turn:
                runs[name].append(measured)
    return runs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each process (default 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as assembly:
        imports = imports_of_the_chat(assembly)
        empty = _EMPTY.format(imports=imports)
        with_validator = empty.replace("ServerlessChecks(app)", "ServerlessChecks(app), validator")
        scripts = {
            "empty": empty,
            "empty, started alike": _STARTED_ALIKE.format(empty=with_validator),
            "included": _INCLUDED.format(imports=imports, assembly=assembly),
        }
        commands = {name: [sys.executable, "-c", script] for name, script in scripts.items()}
        runs = measure({"chat": [sys.executable, "app.py"], **commands}, options.runs)

    table = Table(title=f"{options.runs} runs of each in turn, seconds (median)")
    for column in ("process", "wall", "user", "system", "chat / process (wall)"):
        table.add_column(column, justify="left" if column == "process" else "right")
    figures = ("wall", "user", "system")
    medians = {name: {one: statistics.median(getattr(r, one) for r in runs[name]) for one in figures} for name in runs}
    ratios = {name: medians["chat"]["wall"] / medians[name]["wall"] for name in runs}
    for name in runs:
        table.add_row(name, *(f"{medians[name][one]:.2f}" for one in figures), f"{ratios[name]:.2f}")
    console = Console()
    console.print(table)
    console.print(f"Goal: at most {GOAL} times the wall time of the empty app.")
    console.print("Reached." if ratios["empty"] <= GOAL else "Missed.")


if __name__ == "__main__":
    main()
