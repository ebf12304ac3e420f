"""Runs what AWS CodeBuild or a workflow would run: commands in a folder, in bash, until the first one fails.

What they install is installed already: `pip` and `npm` only say what they were asked, `npx aws-cdk` is the CDK CLI of
this project. So does `mypy`, which takes minutes over the CDK: the tests of the wheel run it over the same application.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ROOT", "Tools", "git"]

ROOT = Path(__file__).parents[3]
_INSTALLS = '#!/bin/sh\necho "$(basename "$0") $*" >> "$TOOLS_LOG"\n'
_NPX = """\
#!/bin/sh
set -e
echo "npx $*" >> "$TOOLS_LOG"
[ "$1" = --yes ] && shift
case "$1" in aws-cdk@*) shift;; esac
exec cdk "$@"
"""


class Tools:
    """Programs in the place of those that would reach the network, and the environment that finds them first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tools"
        self._folder.mkdir(parents=True)
        self._log = folder / "tools.log"
        self._log.write_text("")
        for name in ("pip", "npm", "mypy"):
            self.add(name, _INSTALLS)
        self.add("npx", _NPX)

    def add(self, name: str, script: str) -> None:
        """Put a program in the place of one of this name."""
        file = self._folder / name
        file.write_text(script)
        file.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        """What was asked of programs that are not run as they are."""
        return self._log.read_text().splitlines()

    def run(
        self, commands: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run commands in one shell, until the first that fails."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CDK_", "PYTEST"))}
        path = [str(self._folder), str(ROOT / ".venv/bin"), str(ROOT / "node_modules/.bin"), kept["PATH"]]
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
            cwd=folder,
            env={
                **kept,
                "PATH": os.pathsep.join(path),
                "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
                "TOOLS_LOG": str(self._log),
                "CDK_NOTICES": "false",
                "AWS_PAGER": "",
                **(environment or {}),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular, and return what it prints."""
    who = ["-c", "user.name=Desk", "-c", "user.email=desk@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
