"""``python -m tools.audit``: asks whether what the lock files name has known vulnerabilities.

It asks the advisory databases of PyPI (or OSV) and of the npm registry. An answer that does not come is not a clean
one: the audit then ends with status 2 and says what to run where they can be reached.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tools.supply_chain import ROOT, tool

PYTHON_LOCKS = (
    "requirements/dev.lock",
    "requirements/pillow-layer.lock",
    "requirements/web-push-layer.lock",
    "requirements/supply-chain.lock",
    "cdp_constructs/local/process/pins/server.txt",
    "cdp_constructs/local/process/pins/analytics.txt",
    "cdp_constructs/local/process/pins/servers.txt",
)
NPM_LOCKS = (
    "package-lock.json",
    "stacks/chat/web/package-lock.json",
    "stacks/dojo/browser_only/web/package-lock.json",
)
VULNERABLE, NOT_ASKED = 1, 2


@dataclass(frozen=True)
class Audit:
    """What is known of one lock file."""

    lock: str
    packages: int = 0
    """Packages of which the database told something."""
    vulnerable: tuple[str, ...] = ()
    not_asked: str = ""
    """Why some or all packages were not judged; empty when all were."""


Run = Callable[[Sequence[str], Path], str]


def run(command: Sequence[str], folder: Path) -> str:
    """Return what a tool prints. Its exit status says less than its report does."""
    path = f"{tool('pip-audit').parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"NO_COLOR": "1", "PATH": path}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout or done.stderr


def audit_python(lock: str, service: str, ask: Run = run) -> Audit:
    """Audit a lock file of Python packages, without installing any."""
    command = ["pip-audit", "--requirement", lock, "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    answer = ask([*command, "--vulnerability-service", service], ROOT)
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError):
        return Audit(lock, not_asked=_last_line(answer))
    skipped = [one for one in packages if "skip_reason" in one]
    found = tuple(
        f"{one['name']} {one['version']}: {', '.join(vulnerability['id'] for vulnerability in one['vulns'])}"
        for one in packages
        if one.get("vulns")
    )
    reason = f"{len(skipped)} of {len(packages)} packages: {skipped[0]['skip_reason']}" if skipped else ""
    return Audit(lock, len(packages) - len(skipped), found, reason)


def audit_npm(lock: str, ask: Run = run) -> Audit:
    """Audit a lock file of npm packages, without installing any."""
    answer = ask(["npm", "audit", "--json", "--package-lock-only"], (ROOT / lock).parent)
    try:
        report = json.loads(answer)
        counted = report["metadata"]["dependencies"]["total"]
    except (ValueError, KeyError):
        return Audit(lock, not_asked=_last_line(answer, of_json="message"))
    found = tuple(f"{name}: {one['severity']}" for name, one in sorted(report["vulnerabilities"].items()))
    return Audit(lock, counted, found)


def _last_line(answer: str, of_json: str = "") -> str:
    try:
        return str(json.loads(answer)[of_json])
    except (ValueError, KeyError):
        return (answer.strip().splitlines() or ["no answer"])[-1]


def status(audits: Sequence[Audit]) -> int:
    """Return the exit status: what is vulnerable counts more than what was not asked."""
    if any(one.vulnerable for one in audits):
        return VULNERABLE
    return NOT_ASKED if any(one.not_asked for one in audits) else 0


def table(audits: Sequence[Audit]) -> Table:
    """Return what is known as a table."""
    shown = Table(title="Known vulnerabilities of what the lock files name")
    for column in ("Lock file", "Packages judged", "Vulnerable", "Not judged"):
        shown.add_column(column)
    for one in audits:
        texts = (one.lock, str(one.packages), "\n".join(one.vulnerable) or "none known", one.not_asked)
        shown.add_row(*map(escape, texts if one.packages or one.vulnerable else (*texts[:2], "", one.not_asked)))
    return shown


def main() -> int:
    """Audit every lock file; 1 when something is vulnerable, 2 when something could not be judged."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi", help="database of Python packages")
    service = parser.parse_args().service
    console = Console()
    audits = [audit_python(lock, service) for lock in PYTHON_LOCKS] + [audit_npm(lock) for lock in NPM_LOCKS]
    console.print(table(audits))
    if any(one.not_asked for one in audits):
        console.print(
            "Not everything was judged: an advisory database does not answer here. Run `make audit` "
            'on a machine that reaches them; AUDIT="--service osv" asks the other database of Python packages.'
        )
    return status(audits)


if __name__ == "__main__":
    sys.exit(main())
