"""Runs a program as a process of its own."""

import subprocess
from typing import Any

from cdp_constructs.local.runners.runner import Program, Running

__all__ = ["ProcessRunner"]


class ProcessRunner:
    """Starts a new process for each program."""

    def start(self, program: Program) -> Running:
        """Start the process."""
        owner: dict[str, Any] = {}
        if program.user is not None:
            owner = {"user": program.user, "group": program.user, "extra_groups": ()}
        return subprocess.Popen(  # noqa: S603  # what the user deployed
            program.command,
            cwd=program.folder,
            env=program.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            **owner,
        )
