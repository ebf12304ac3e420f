"""How the command line shows a deployment: progress, tables, JSON."""

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cdp_constructs.assembly import DEFAULT_REGION
from cdp_constructs.cli.endpoints import Endpoint
from cdp_constructs.local.cloud import LocalCloud
from cdp_constructs.local.deployment.deployer import Deployment, NotExecuted
from cdp_constructs.local.errors import DeploymentError

__all__ = ["StackProgress", "failure", "print_json", "print_tables", "success"]

_NAMED = 3
"""How many resources of a type are named where a table has one row for all."""
_STYLES = {"deployed": "green", "unchanged": "dim", "failed": "bold red"}


class StackProgress:
    """Shows how many stacks are done, and each stack as it ends.

    Args:
        console: Where to.
        total: How many stacks are to be deployed.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._running: list[str] = []
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("deploying", total=total)

    def update(self, stack: str, status: str) -> None:
        """Take note of what happened to a stack; called from several threads."""
        with self._lock:
            if status == "deploying":
                self._running.append(stack)
            else:
                self._running.remove(stack)
                self._bar.advance(self._task)
                self._console.print(f"{status} {stack}", style=_STYLES[status], markup=False)
            self._bar.update(self._task, description=", ".join(self._running) or "deploying")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()


def success(
    cloud: LocalCloud, deployment: Deployment, endpoints: Sequence[Endpoint], *, is_kept: bool
) -> Mapping[str, Any]:
    """Return the result of `up --json`."""
    return {
        "endpoint": cloud.endpoint,
        "kept": is_kept,
        "environment": cloud.root.environment(cloud.endpoint, _region(deployment)),
        "stacks": [
            {
                "name": stack.artifact.label,
                "account": stack.artifact.account,
                "region": stack.artifact.region,
                "changed": stack.changed,
                "outputs": stack.outputs,
                "resources": {resource.logical_id: resource.physical_id for resource in stack.resources},
            }
            for stack in deployment.stacks
        ],
        "endpoints": [asdict(endpoint) for endpoint in endpoints],
        "not_executed": [asdict(resource) for resource in deployment.not_executed],
    }


def failure(error: Exception) -> Mapping[str, Any]:
    """Return what `up --json` prints instead of a result."""
    events = error.events if isinstance(error, DeploymentError) else ()
    return {"error": str(error).splitlines()[0], "events": [asdict(event) for event in events]}


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document to standard output."""
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.stdout.flush()


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _region(deployment: Deployment) -> str:
    return deployment.stacks[0].artifact.region if deployment.stacks else DEFAULT_REGION


def _summary(items: Sequence[NotExecuted]) -> list[list[str]]:
    """Return one row for each type and reason; an application with a VPC has dozens of resources that share one."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for item in items:
        groups.setdefault((item.resource_type, item.support.value, item.reason), []).append(item.logical_id)
    rows = []
    for (resource_type, support, reason), names in groups.items():
        more = len(names) - _NAMED
        named = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        rows.append([resource_type, named, support, reason])
    return rows


def print_tables(console: Console, cloud: LocalCloud, deployment: Deployment, endpoints: Sequence[Endpoint]) -> None:
    """Print the endpoints, the outputs, what was not executed, and the root user's environment variables."""
    rows = [["", "", "AWS APIs (AWS_ENDPOINT_URL)", cloud.endpoint]]
    rows += [[item.stack, item.logical_id, item.kind, item.url] for item in endpoints]
    console.print(_table("Endpoints", ["Stack", "Resource", "What answers", "URL"], rows))
    rows = [
        [stack.artifact.label, stack.artifact.region, key, value]
        for stack in deployment.stacks
        for key, value in sorted(stack.outputs.items())
    ]
    console.print(_table("Outputs", ["Stack", "Region", "Output", "Value"], rows))
    if not deployment.not_executed:
        console.print("Everything that was deployed is executed.")
    else:
        console.print(
            _table("Not executed", ["Type", "Resources", "Support", "Reason"], _summary(deployment.not_executed))
        )
    console.print("For the AWS CLI and SDKs:")
    console.print(
        cloud.root.exports(cloud.endpoint, _region(deployment)), soft_wrap=True, markup=False, highlight=False
    )
