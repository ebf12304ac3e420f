"""Brings a reference system up: synthesis with its checks, deployment, and what the embedded cloud could not do."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cdp_constructs.local import Deployment, LocalCloud
from demo.embedded import embedded_cloud
from demo.report import Report, expect

__all__ = [
    "NO_FINDINGS",
    "ROOT",
    "Checked",
    "bring_up",
    "demonstrate",
    "not_executed",
    "physical_id",
    "run_app",
    "synthesise",
    "told",
]

NO_FINDINGS = "no finding of nag, no error of the template rules"

ROOT = Path(__file__).parents[1]
_PLACEHOLDER = "cdp-constructs:placeholder:"


@dataclass(frozen=True)
class Checked:
    """What the synthesis said."""

    directory: Path
    stacks: int
    findings: int
    acknowledged: int
    warnings: int
    """Placeholder names, which the embedded cloud accepts."""


def synthesise(directory: Path, system: str, settings: Mapping[str, Any]) -> Checked:
    """Run ``app.py`` as the CDK CLI does; nag packs and template rules are errors there.

    Args:
        directory: Gets the assembly; temporary files are beside it.
        system: The one system that is built.
        settings: What differs from its configuration in ``cdk.json``.

    Raises:
        RuntimeError: with what the app printed.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    context["systems"] = [system]
    context[system] |= settings
    run_app("app.py", directory, context)
    plugins = json.loads((directory / "validation-report.json").read_text())["pluginReports"]
    found = [one["ruleName"] for plugin in plugins for one in plugin.get("violations", [])]
    placeholders = sum(_PLACEHOLDER in name for name in found)
    return Checked(
        directory,
        len(list(directory.glob("*.template.json"))),
        len(found) - placeholders,
        sum(len(plugin.get("suppressedViolations", [])) for plugin in plugins),
        placeholders,
    )


def run_app(program: str, directory: Path, context: Mapping[str, Any]) -> None:
    """Run an app of the CDK as its CLI does.

    Args:
        program: Its file, from the root of the repository.
        directory: Gets the assembly; temporary files are beside it.
        context: Its context.

    Raises:
        RuntimeError: with what the app printed.
    """
    # The other end is closed by whatever ends this program, also when it is killed: see demo/running.py.
    ends, held = os.pipe()
    with subprocess.Popen(  # noqa: S603 - the program is this project's
        [sys.executable, "-m", "demo.running", str(ends), program],
        cwd=ROOT,
        pass_fds=[ends],
        env={
            **os.environ,
            "CDK_OUTDIR": str(directory),
            "CDK_CONTEXT_JSON": json.dumps(context),
            # A run of the CDK that is killed leaves its files where whoever called removes them.
            "TMPDIR": str(directory.parent),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as app:
        os.close(ends)
        try:
            output, errors = app.communicate()
        finally:
            # With its Node, which would write on into a folder that is being removed.
            os.close(held)
    if app.returncode:
        raise RuntimeError((errors or output)[-2000:])


def told(done: Checked) -> str:
    """Say what the synthesis said.

    Raises:
        StepFailed: there are findings.
    """
    expect(done.findings == 0, f"{done.findings} findings")
    names = f"{done.warnings} placeholder names" if done.warnings else "no placeholder names"
    return f"{done.stacks} stacks, 0 findings, {done.acknowledged} acknowledged with a reason; {names}"


def bring_up(report: Report, check: Callable[[], Checked], deploy: Callable[[], Deployment]) -> Deployment | None:
    """Synthesise, check and deploy as steps of a report; None when that failed."""
    made: list[Deployment] = []

    def deployed() -> str:
        made.append(deploy())
        resources = sum(len(one) for one in made[0].resources.values())
        return f"{len(made[0].resources)} stacks, {resources} resources"

    with report.chapter("The system"):
        deployed_all = report.step("Synthesise and check", NO_FINDINGS, lambda: told(check()))
        deployed_all = deployed_all and report.step("Deploy", "every stack complete in its Region", deployed)
    return made[0] if deployed_all else None


def demonstrate(run: Callable[[Report, LocalCloud, Path], None]) -> int:
    """Run a demonstration on an embedded cloud of its own, print its steps as a table, and return the exit code.

    Args:
        run: Brings a system up and plays; gets a folder for what is only there meanwhile.
    """
    report = Report(Console(soft_wrap=False))
    started = time.perf_counter()
    with embedded_cloud(timeout=120) as (cloud, folder):
        run(report, cloud, folder)
    report.console.print(report.table())
    return report.conclude(time.perf_counter() - started)


def physical_id(deployment: Deployment, stack: str, prefix: str) -> str:
    """Return the physical id of the one resource whose logical id starts with ``prefix`` and a hash.

    Raises:
        LookupError: when there is none, or several.
    """
    resources = deployment.resources[stack]
    # The CDK ends a logical id with eight hexadecimal digits.
    found = [physical for logical, physical in resources.items() if logical[:-8] == prefix]
    if len(found) != 1:
        message = f"{stack} has {len(found)} resources {prefix}: {', '.join(resources)}"
        raise LookupError(message)
    return found[0]


def not_executed(deployment: Deployment) -> Table:
    """Return what the embedded cloud could not do, by kind of resource."""
    table = Table(title="What the embedded cloud could not do")
    for column in ("Resource type", "Count", "How far it goes", "What is missing"):
        table.add_column(column, overflow="fold")
    kinds = sorted({(one.resource_type, str(one.support), one.reason) for one in deployment.not_executed})
    for kind, support, reason in kinds:
        count = sum(one.resource_type == kind for one in deployment.not_executed)
        table.add_row(kind, str(count), support, reason)
    return table
