"""A container: a process group of this machine with its own address, environment, home folder, user and log."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers import groups
from cdp_constructs.local.kit.once import once

__all__ = ["Container", "Spec", "living"]

_POLL_SECONDS = 0.05
_OF_USER = frozenset({"user", "group", "extra_groups"})
_KILLED = 128
"""What an exit code has more than the number of the signal that ended the process."""


_living: dict[str, "Container"] = {}


def living() -> list["Container"]:
    """Return the containers that were started and not removed."""
    return list(_living.values())


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a container runs.

    Attributes:
        command: The words of the command; the first is a path.
        folder: Working directory.
        environment: All of its variables.
        address: Its loopback address.
        user: Its user and group id; None runs it as the user of the server.
        stop_signal: What asks it to end.
        stop_seconds: How long it may take to end before it is killed.
        labels: Labels, as the service that started it searches them.
        low_ports: Whether its user may have ports below 1024, where root runs the server and the system can say so.
    """

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    address: str
    user: int | None = None
    stop_signal: str = "SIGTERM"
    stop_seconds: float = 30.0
    labels: Mapping[str, str] = field(default_factory=dict)
    low_ports: bool = False


@once
def _setpriv() -> str:
    """Return the program that lets another user than root have ports below 1024; empty where it cannot."""
    program = shutil.which("setpriv") or ""
    tried = subprocess.run([*_as_user(program, 65534), "true"], check=False, capture_output=True) if program else None  # noqa: S603
    return program if tried is not None and tried.returncode == 0 else ""


def _as_user(setpriv: str, user: int) -> list[str]:
    capability = "+net_bind_service"
    return [
        setpriv,
        f"--reuid={user}",
        f"--regid={user}",
        "--clear-groups",
        f"--inh-caps={capability}",
        f"--ambient-caps={capability}",
        "--",
    ]


class Container:
    """One container, from its start until it is removed.

    Args:
        spec: What it runs.
        server: Private folder of the embedded cloud.
        in_home: Whether its working directory is its home.
    """

    def __init__(self, spec: Spec, server: Path, *, in_home: bool = False) -> None:
        self.id = uuid.uuid4().hex * 2
        self.spec = spec
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None
        self._exit_code: int | None = None
        self._ending = threading.Lock()
        self._changing = threading.Lock()
        # Private to its user; a server of root has other users for containers, and they may pass through.
        self.home = Path(tempfile.mkdtemp(prefix="container-"))
        (self.home / "tmp").mkdir()
        if spec.user is not None:
            for folder in (self.home / "tmp", self.home):
                os.chown(folder, spec.user, spec.user)
        descriptor, name = tempfile.mkstemp(prefix="container-", suffix=".log")
        os.close(descriptor)
        self.log = Path(name)
        self._folder = self.home if in_home else spec.folder

    def start(self) -> None:
        """Start the process.

        Raises:
            OSError: the command cannot be started.
        """
        command, options = list(self.spec.command), self._options
        if self.spec.low_ports and self.spec.user is not None and (setpriv := _setpriv()):
            # What starts it would end by itself, as if the command had.
            if shutil.which(command[0], path=self.spec.environment.get("PATH")) is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
            command = [*_as_user(setpriv, self.spec.user), *command]
            options = {name: value for name, value in options.items() if name not in _OF_USER}
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  # what the user deployed
                command, stdout=log, process_group=0, **options
            )
        with self._changing:  # others ask for the exit code at any time, which must not be that of the process before
            self._process, self._exit_code = process, None
        groups.record(self._server, process.pid)
        _living[self.id] = self

    @property
    def _options(self) -> dict[str, Any]:
        """How each of its processes is started."""
        user = self.spec.user
        return {
            "cwd": self._folder,
            "env": {**self.spec.environment, "HOME": str(self.home), "TMPDIR": str(self.home / "tmp")},
            "stdin": subprocess.DEVNULL,
            "stderr": subprocess.STDOUT,
            **({} if user is None else {"user": user, "group": user, "extra_groups": []}),
        }

    @property
    def process_id(self) -> int:
        """Process id, which is that of its group too; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        """Exit code, 137 after SIGKILL; None while it runs."""
        with self._changing:
            if self._exit_code is None and self._process is not None:
                code = self._process.poll()
                if code is not None:
                    self._end_group()
                    self._exit_code = code if code >= 0 else _KILLED - code
            return self._exit_code

    def _end_group(self) -> None:
        """Kill what the process has left behind: the end of its first process is the end of a container."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process_id, signal.SIGKILL)
        groups.forget(self._server, self.process_id)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the container."""
        if self.exit_code is None and self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process_id, number)

    def stop(self) -> None:
        """Ask the container to end, and kill it when it does not do so in time; returns when it has ended."""
        with self._ending:
            if self._process is None or self.exit_code is not None:
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # Its first process only, as container engines do; what that leaves behind is killed.
                os.kill(self.process_id, signal.Signals[self.spec.stop_signal])
            self._wait(self.spec.stop_seconds)
            if self.exit_code is None:
                self.send_signal(signal.SIGKILL)
                self._wait()

    def _wait(self, seconds: float | None = None) -> None:
        """Wait until it has ended, or for so long."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)

    def remove(self) -> None:
        """Stop it, and remove its files."""
        self.stop()
        _living.pop(self.id, None)
        shutil.rmtree(self.home, ignore_errors=True)
        self.log.unlink(missing_ok=True)

    def output(self) -> Iterator[bytes]:
        """Yield what it writes, line by line, until it has ended."""
        with self.log.open("rb") as log:
            rest = b""
            while True:
                ended = self.exit_code is not None
                *lines, rest = (rest + log.read()).split(b"\n")
                yield from lines
                if ended:
                    if rest:
                        yield rest
                    return
                time.sleep(_POLL_SECONDS)

    def run(self, command: Sequence[str], seconds: float) -> tuple[int, bytes]:
        """Run another command in the container, as health checks do, and return its exit code and output.

        Raises:
            OSError: the command cannot be started.
            subprocess.TimeoutExpired: it did not end in time; it was killed.
        """
        ended = subprocess.run(  # noqa: S603  # what the user deployed
            list(command),
            stdout=subprocess.PIPE,
            timeout=seconds,
            check=False,
            process_group=os.getpgid(self.process_id),
            **self._options,
        )
        return ended.returncode, ended.stdout
