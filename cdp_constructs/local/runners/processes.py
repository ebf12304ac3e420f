"""Runs a program as a process of its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cdp_constructs.local.runners.runner import Program, Running

__all__ = ["ProcessRunner", "with_mounts"]

_MOUNTS = Path(__file__).with_name("mounts.py")


def with_mounts(program: Program) -> list[str]:
    """Return the command that starts a program with its mounts and as its user; this process starts it as itself."""
    mounts = {path: str(folder) for path, folder in program.mounts.items()}
    described = {
        "command": list(program.command),
        "environment": dict(program.environment),
        "mounts": mounts,
        "user": program.user,
    }
    # Only this user may read it: it has credentials. The new process removes it.
    with tempfile.NamedTemporaryFile("w", prefix="start-", suffix=".json", delete=False) as request:
        json.dump(described, request)
    return [sys.executable, "-I", str(_MOUNTS), request.name]


class ProcessRunner:
    """Starts a new process for each program."""

    def start(self, program: Program) -> Running:
        """Start the process."""
        options: dict[str, Any] = {"args": program.command, "env": dict(program.environment)}
        if program.mounts:
            options = {"args": with_mounts(program)}
        elif program.user is not None:
            options |= {"user": program.user, "group": program.user, "extra_groups": ()}
        return subprocess.Popen(
            cwd=program.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            **options,
        )
