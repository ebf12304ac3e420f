"""The operator's shell: bash, in which the commands of a page run as they are printed, against the embedded cloud."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cdp_constructs.local import LocalCloud
from tests.stacks.runbooks import ROOT, commands_of

# Version 1 of the AWS CLI, which comes from PyPI, reads binary parameters as they are, and knows no option for that. It
# asks AWS itself about queues, unless the address is an option.
_AWS = """#!/bin/bash
arguments=()
while (($#)); do
  if [[ $1 == --cli-binary-format ]]; then shift 2; else arguments+=("$1"); shift; fi
done
exec "{python}" -m awscli --endpoint-url "$AWS_ENDPOINT_URL" "${{arguments[@]}}"
"""
# AWS's host names lead to the embedded cloud, which speaks no TLS.
_CURL = """#!/bin/bash
exec /usr/bin/env -i PATH=/usr/bin:/bin curl --fail --connect-to ::127.0.0.1:{port} "${{@//https:/http:}}"
"""
_SECONDS = 120


class Shell:
    """A shell with the wheel's commands, the AWS CLI and curl.

    Args:
        cloud: Where all of them lead.
        folder: Gets the commands' stand-ins, and is where the operator works.
        index: The page with the first commands: what it exports is exported.
        placeholders: By name, what is put in place of ``<name>``; gets the command.
    """

    def __init__(
        self, cloud: LocalCloud, folder: Path, index: str, placeholders: Mapping[str, Callable[[str], str]]
    ) -> None:
        self._done: set[str] = set()
        self._folder = folder
        self._placeholders = placeholders
        lines = (line for block in commands_of(index) for line in block.splitlines())
        self._exports = next(line for line in lines if line.startswith("export "))
        port = urlsplit(cloud.endpoint).port
        for name, text in {"aws": _AWS.format(python=sys.executable), "curl": _CURL.format(port=port)}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        region = self.exported("AWS_REGION")
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._environment = {
            **own,
            **cloud.root.environment(cloud.endpoint, region),
            "PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AWS_PAGER": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
        }

    def exported(self, name: str) -> str:
        """Return what the index page exports."""
        (value,) = re.findall(rf"\b{name}=(\S+)", self._exports)
        return str(value)

    def run_page(self, page: str, but: Container[str]) -> None:
        """Run the commands of a page, except some, and those that other pages have too, word for word."""
        for command in commands_of(page):
            if command not in but and command not in self._done:
                self.run(command)
                if "<" not in command:
                    self._done.add(command)

    def run(self, command: str) -> str:
        """Run a command, and return what it printed; a failure is an error with all of it."""
        filled = re.sub(r"<([a-zA-Z ]+)>", lambda found: self._placeholders[found[1]](command), command)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{self._exports}\n{filled}"],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"$ {filled}\n{done.stdout}{done.stderr}"
        return done.stdout
