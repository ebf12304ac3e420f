"""Remembers the server that `cdp local up --keep` left running, for `cdp local down` and the next `up`."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from cdp_constructs.local.containers.engines import Engine
from cdp_constructs.local.process import launcher, private_files
from cdp_constructs.local.process.launcher import ServerProcess
from cdp_constructs.local.process.locks import exclusive
from cdp_constructs.local.process.root_keys import state_folder

__all__ = ["find", "find_or_start", "forget", "locked", "remember", "state_file"]


def state_file() -> Path:
    """Where this user's kept server is recorded: `$XDG_STATE_HOME/cdp-constructs/local.json`."""
    return state_folder() / "local.json"


@contextmanager
def locked() -> Iterator[None]:
    """Keep other commands of this user from starting or stopping a kept server meanwhile."""
    with exclusive(state_file().with_suffix(".lock")):
        yield


def _is_ours(server: ServerProcess) -> bool:
    """Whether the process id still is the guardian's: ids are reused, and this one will be sent a signal."""
    command = ["ps", "-ww", "-p", str(server.pid), "-o", "args="]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # a number that we wrote
    return str(server.folder) in listing.stdout


def find() -> ServerProcess | None:
    """Return the kept server, or None when there is none or it ended."""
    try:
        record = json.loads(state_file().read_text())
        server = ServerProcess(record["endpoint"], record["mqtt_port"], record["pid"], Path(record["folder"]))
    except (FileNotFoundError, ValueError, KeyError):  # never kept, or a file that a newer or older version wrote
        return None
    return server if _is_ours(server) else None


def remember(server: ServerProcess) -> None:
    """Record the server."""
    private_files.write(state_file(), json.dumps(asdict(server), default=str, indent=2))


def forget() -> None:
    """Remove the record."""
    private_files.remove(state_file())


def find_or_start(engine: Engine | None = None) -> ServerProcess:
    """Return this user's kept server; it is started now when there is none.

    Args:
        engine: What runs the containers of tasks in one that is started; they are processes without one.

    Raises:
        StartError: the server did not become ready.
    """
    with locked():
        server = find()
        if server is None:
            server = launcher.launch(engine=engine)
            remember(server)
            launcher.detach(server)  # only now: a server that nobody knows of must not stay
    return server
