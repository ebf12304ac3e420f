"""Whether this machine lets a user have a mount namespace with something else at /opt."""

import subprocess
import sys
from functools import cache
from pathlib import Path

from cdp_constructs.local.runners.processes import with_mounts
from cdp_constructs.local.runners.runner import Program

__all__ = ["REASON", "may_mount"]

REASON = "this system has no mount namespaces for this user"


@cache
def may_mount() -> bool:
    """Try it with a program that every system has."""
    if not sys.platform.startswith("linux"):
        return False
    program = Program(["/bin/true"], Path("/"), {}, mounts={"/opt": Path("/usr")})
    return subprocess.run(with_mounts(program), check=False, capture_output=True).returncode == 0
