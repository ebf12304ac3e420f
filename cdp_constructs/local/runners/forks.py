"""Runs Python programs as forks of a process that has already imported what most functions import.

A new interpreter spends a third of a second, or several on a busy machine, on importing boto3 and Powertools and on
reading the descriptions of services. A fork of a process that has done so takes a fifth of that. It is used on Linux,
for scripts in Python whose folder and layers have no package of those names. Others, and the first ones until the
template is ready, get a process of their own.
"""

import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from cdp_constructs.local.runners.runner import Program, Runner, Running

__all__ = ["ForkRunner"]

_TEMPLATE = Path(__file__).resolve().with_name("template.py")
_LONGEST_LIST = 65_536


class ForkedProcess:
    """A process that the template forked.

    Args:
        pid: Its process id.
        handle: A descriptor of the process.
        streams: Its standard streams.
    """

    def __init__(self, pid: int, handle: int, streams: tuple[IO[str], IO[str], IO[str]]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = streams
        self._handle = handle

    def __del__(self) -> None:
        """Close the descriptor of the process."""
        os.close(self._handle)

    def poll(self) -> int | None:
        """Return None while the process runs; its exit code is not known, so it is 0 for all."""
        if self.returncode is None and self._has_ended(0):
            self.returncode = 0
        return self.returncode

    def _has_ended(self, milliseconds: float | None) -> bool:
        # A poll object is for one thread at a time, and one may wait while another one looks.
        ended = select.poll()
        ended.register(self._handle, select.POLLIN)
        return bool(ended.poll(milliseconds))

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process ends.

        Raises:
            subprocess.TimeoutExpired: when it does not end within so many seconds.
        """
        if self.returncode is None and not self._has_ended(None if timeout is None else 1000 * timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        self.returncode = 0
        return self.returncode

    def terminate(self) -> None:
        """Ask the process to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End the process."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            try:
                signal.pidfd_send_signal(self._handle, number)
            except ProcessLookupError:
                self.returncode = 0


class ForkRunner:
    """Forks programs from a template process.

    Args:
        otherwise: Starts the programs that cannot be forked.
        python: Returns the interpreter of the template and of the programs that are forked.
        environment: Returns the environment of the template, which its forks can read.
        packages: Returns folders of packages that the template finds beside those of the interpreter.
    """

    def __init__(
        self,
        otherwise: Runner,
        python: Callable[[], Path],
        environment: Callable[[], Mapping[str, str]],
        packages: Callable[[], Sequence[Path]] = list,
    ) -> None:
        self._otherwise = otherwise
        self._python = python
        self._environment = environment
        self._packages = packages
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._names: frozenset[str] | None = None

    def prepare(self) -> None:
        """Start the template, if it does not run yet, and return at once."""
        if not hasattr(os, "pidfd_open"):
            return
        with self._lock:
            if self._channel is not None:
                return
            self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                subprocess.Popen(  # noqa: S603  # our own file; it ends with the socket
                    [self._python(), "-P", _TEMPLATE, str(theirs.fileno()), *self._packages()],
                    pass_fds=[theirs.fileno()],
                    cwd="/",
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                )

    def start(self, program: Program) -> Running:
        """Fork the program, or start it otherwise."""
        interpreter, *arguments = program.command
        if interpreter == str(self._python()) and len(arguments) == 1 and (forked := self._fork(arguments[0], program)):
            return forked
        return self._otherwise.start(program)

    def _fork(self, script: str, program: Program) -> ForkedProcess | None:
        """Return None when there is no template, when it is not ready, or when the program needs its own."""
        with self._lock:
            if self._channel is None or not self._suits(program):
                return None
            start = Path(script).with_name("_start.json")
            request = {
                "script": script,
                "folder": str(program.folder),
                "environment": dict(program.environment),
                "mounts": {path: str(folder) for path, folder in program.mounts.items()},
                "user": program.user,
            }
            start.write_text(json.dumps(request))
            (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = (os.pipe() for _ in range(3))
            streams = (os.fdopen(to_stdin, "w", 1), os.fdopen(from_stdout), os.fdopen(from_stderr))
            try:
                socket.send_fds(self._channel, [str(start).encode()], [stdin, stdout, stderr])
                answer, handles, _, _ = socket.recv_fds(self._channel, 64, 1)
            except OSError:
                answer = b""
            finally:
                for descriptor in (stdin, stdout, stderr):
                    os.close(descriptor)
            if not answer:  # it was killed; `prepare` starts another
                self._channel.close()
                self._channel = self._names = None
                return None
        return ForkedProcess(int(answer), handles[0], streams)

    def _suits(self, program: Program) -> bool:
        if self._names is None and self._channel is not None:
            if not select.select([self._channel], [], [], 0)[0]:
                return False
            self._names = frozenset(json.loads(self._channel.recv(_LONGEST_LIST)))
        settings = {name for name in program.environment if name.startswith("PYTHON")}
        template = self._environment()
        changed = {name for name in settings if program.environment[name] != template.get(name)}
        return not changed and not (self._names or frozenset()) & _own_modules(program)


def _own_modules(program: Program) -> set[str]:
    """Return the names of the modules in a function's code and layers."""
    layers = [Path(name) for name in program.environment.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep) if name]
    places = [
        program.folder,
        *layers,
        *(layer / "python" for layer in layers),
        *(place for layer in layers for place in layer.glob("python/lib/*/site-packages")),
    ]
    return {item.name.partition(".")[0] for place in places if place.is_dir() for item in place.iterdir()}
