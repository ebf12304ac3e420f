"""Follows one item by its id, with the command that an operator uses."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cdp_constructs.local import LocalCloud
from demo.report import StepFailed

__all__ = ["followed", "shown"]


def followed(cloud: LocalCloud, stacks: Sequence[str], regions: Sequence[str], identity: str) -> Mapping[str, Any]:
    """Return what ``cdp trace --json`` prints of an item.

    Raises:
        StepFailed: with the command's line when it has found nothing.
    """
    named = [part for stack in stacks for part in ("--stack", stack)]
    named += [part for region in regions for part in ("--region", region)]
    command = [sys.executable, "-m", "cdp_constructs.cli", "trace", identity, *named, "--json"]
    done = subprocess.run(  # noqa: S603 - the command is this project's
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **cloud.root.environment(cloud.endpoint, regions[0])},
    )
    if done.returncode:
        raise StepFailed(done.stderr.strip())
    document: Mapping[str, Any] = json.loads(done.stdout)
    return document


def shown(way: Mapping[str, Any]) -> str:
    """Say in a line how far an item came, and how long it took."""
    lines = way["lines"]
    first, last = (datetime.fromisoformat(line["time"]) for line in (lines[0], lines[-1]))
    seconds = (last - first).total_seconds()
    functions = {(line["region"], line["name"]) for line in lines}
    regions = {region for region, _ in functions}
    return f"{len(lines)} lines of {len(functions)} functions in {', '.join(sorted(regions))}, in {seconds:.1f} s"
