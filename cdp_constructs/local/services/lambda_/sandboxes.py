"""What deployed code sees of this machine: a home, a few variables, and a user of its own if root runs the server.

Functions, Glue jobs and CloudFront Functions are processes of this machine. They get neither the server's environment
nor paths of its folder. Where root runs the server, each has a user and group id that nothing else on the machine has,
so that it can neither read the server's files and environment, nor those of another function, nor end their processes.
"""

import logging
import os
import pwd
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from cdp_constructs.local.kit.sdk import endpoint
from cdp_constructs.local.services.lambda_ import runtime

__all__ = ["Sandbox", "environment", "libraries", "named_user", "sandbox", "users"]

_USERS = range(60_706, 61_184)
"""Ids that no system gives to anybody (https://systemd.io/UIDS-GIDS/) and that every container has."""

_VARIABLES = (
    *("LANG", "LC_ALL", "TZ", "GATEWAY_PORT"),
    *("POWERTOOLS_TRACE_DISABLED", "AWS_XRAY_SDK_ENABLED"),
    *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"),
)
"""Of the server's environment; it has more, such as the folders of its state."""

_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/bin"
"""As Lambda has it; that of the server's user leads to home folders."""
_TRIAL = "from importlib.util import find_spec; open(find_spec('boto3').origin)"

_logger = logging.getLogger(__name__)
_making = Lock()
_sandboxes: dict[str, "Sandbox"] = {}
_reservations: list[socket.socket] = []


@dataclass(frozen=True)
class Sandbox:
    """What a function, or other code that was deployed, has on this machine.

    Attributes:
        home: Its home folder, where it may write; its temporary files are below.
        user: Its user and group id; None where it runs as the user of the server.
    """

    home: Path
    user: int | None

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables that differ from those of other code."""
        return {**libraries(), "HOME": str(self.home), "TMPDIR": str(self.home / "tmp")}

    @property
    def process_options(self) -> Mapping[str, Any]:
        """What starts a process of `subprocess` as its user."""
        return {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}

    def let_read(self, folder: Path) -> None:
        """Let its user, and no other, read a folder with code."""
        if self.user is not None:
            os.chown(folder, -1, self.user)
            folder.chmod(0o750)


def environment() -> dict[str, str]:
    """Return the variables that all deployed code gets."""
    found = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return {**found, "PATH": _PATH, "AWS_ENDPOINT_URL": endpoint()}


@cache
def _share() -> None:
    """Let other users read what the server unpacks from now on, where root runs it."""
    if os.geteuid() == 0:
        os.umask(0o022)


def libraries() -> dict[str, str]:
    """Return the variable that says where shared libraries are, if Python here needs it."""
    _share()
    folders = [name for name in (runtime.libraries(), os.environ.get("LD_LIBRARY_PATH")) if name]
    return {"LD_LIBRARY_PATH": os.pathsep.join(folders)} if folders else {}


def named_user() -> int | None:
    """Return a user that the system knows by name, as PostgreSQL wants one; None where all run as the server's user."""
    return pwd.getpwnam("nobody").pw_uid if users() else None


def sandbox(name: str) -> Sandbox:
    """Return the sandbox of what has this name, for example of a function by its ARN.

    Args:
        name: Whoever has the same name shares home and user.
    """
    with _making:
        if name not in _sandboxes:
            user = _reserve(users())
            home = Path(tempfile.mkdtemp(prefix="home-"))
            (home / "tmp").mkdir()
            if user is not None:
                for folder in (home / "tmp", home):
                    os.chown(folder, user, user)
            _sandboxes[name] = Sandbox(home, user)
        return _sandboxes[name]


def _reserve(ids: range) -> int | None:
    """Return an id that no other server on this machine has taken; all are free again when it ends."""
    for user in ids:
        reservation = socket.socket(socket.AF_UNIX)
        try:
            reservation.bind(f"\0cdp-constructs/user/{user}")  # Linux keeps such a name outside of the file system
        except OSError:
            reservation.close()
        else:
            _reservations.append(reservation)
            return user
    return ids[len(_sandboxes) % len(ids)] if ids else None  # more functions than ids, or another system


@cache
def users() -> range:
    """Return the ids to choose from: none without root, or where only root can run Python.

    It is called before anything is written for another user.
    """
    if os.geteuid() != 0:
        return range(0)
    _share()
    user = _USERS[0]
    try:
        subprocess.run(  # noqa: S603  # the interpreter of functions
            [runtime.interpreter(), "-c", _TRIAL],
            check=True,
            capture_output=True,
            cwd="/",
            env=libraries(),
            user=user,
            group=user,
            extra_groups=[],
        )
    except (OSError, subprocess.SubprocessError) as error:
        _logger.warning("functions run as root, because another user cannot run Python here: %s", error)
        return range(0)
    return _USERS
