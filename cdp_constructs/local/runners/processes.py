"""Lambda: workers are forked from a process that has imported already what most functions import.

MiniStack starts an interpreter for every worker, which spends a third of a second, or several on a busy machine, on
importing boto3 and Powertools and on reading the descriptions of services. A fork of a process that has done so takes a
fifth of that. It is used for functions in Python that bring no package of those names, on Linux; all others start as
before. So do the first ones, until the template is ready.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from cdp_constructs.local.kit import ministack, refine
from cdp_constructs.local.kit.types import Properties

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = ("ministack.core.lambda_runtime:subprocess.Popen",)

_lambda_runtime: Any = ministack.module("core.lambda_runtime")

_TEMPLATE = Path(__file__).with_name("template.py")
_SCRIPT = "_worker.py"
"""What MiniStack calls the script of a worker in Python."""
_LONGEST_LIST = 65_536


class ForkedProcess:
    """A worker that was forked elsewhere: as much of ``subprocess.Popen`` as MiniStack uses."""

    def __init__(self, pid: int, handle: int, streams: tuple[IO[str], IO[str], IO[str]]) -> None:
        """Take the process id, a descriptor of the process, and its standard streams."""
        self.pid = pid
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = streams
        self._handle = handle
        self._ended = select.poll()
        self._ended.register(handle, select.POLLIN)

    def __del__(self) -> None:
        """Close the descriptor of the process."""
        os.close(self._handle)

    def poll(self) -> int | None:
        """Return None while the process runs; its exit code is not known, so it is 0 for all."""
        if self.returncode is None and self._ended.poll(0):
            self.returncode = 0
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process ends.

        Raises:
            subprocess.TimeoutExpired: when it does not end within so many seconds.
        """
        if self.returncode is None and not self._ended.poll(None if timeout is None else 1000 * timeout):
            raise subprocess.TimeoutExpired(_SCRIPT, timeout or 0)
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


class _Template:
    """The process that workers are forked from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._names: frozenset[str] | None = None

    def start(self) -> None:
        """Start it, if it does not run yet, and return at once."""
        with self._lock:
            if self._channel is not None:
                return
            self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                subprocess.Popen(  # noqa: S603  # our own file; it ends with the socket
                    [sys.executable, "-P", str(_TEMPLATE), str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                )

    def fork(self, script: str, folder: str, environment: Mapping[str, str]) -> ForkedProcess | None:
        """Fork a worker; None when there is no template, when it is not ready, or when the worker needs its own."""
        with self._lock:
            if self._channel is None or not self._suits(folder, environment):
                return None
            start = Path(script).with_name("_start.json")
            start.write_text(json.dumps({"script": script, "folder": folder, "environment": dict(environment)}))
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
            if not answer:  # it was killed; the next function starts another
                self._channel.close()
                self._channel = self._names = None
                return None
        return ForkedProcess(int(answer), handles[0], streams)

    def _suits(self, folder: str, environment: Mapping[str, str]) -> bool:
        if self._names is None and self._channel is not None:
            if not select.select([self._channel], [], [], 0)[0]:
                return False
            self._names = frozenset(json.loads(self._channel.recv(_LONGEST_LIST)))
        settings = {name for name in environment if name.startswith("PYTHON")}
        changed = {name for name in settings if environment[name] != os.environ.get(name)}
        return not changed and not (self._names or frozenset()) & _brought(folder, environment)


def _brought(folder: str, environment: Mapping[str, str]) -> set[str]:
    """Return the names of the modules in a function's code and layers."""
    layers = [Path(name) for name in environment.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep) if name]
    places: Iterable[Path] = [
        Path(folder),
        *layers,
        *(layer / "python" for layer in layers),
        *(place for layer in layers for place in layer.glob("python/lib/*/site-packages")),
    ]
    return {item.name.partition(".")[0] for place in places if place.is_dir() for item in place.iterdir()}


def install() -> None:
    """Start the template with the first function, and fork workers from it."""
    if not hasattr(os, "pidfd_open"):
        return
    template = _Template()

    def start(_properties: Properties) -> None:
        template.start()

    def popen(command: list[str], **options: Any) -> Any:
        program, *arguments = command
        if program == sys.executable and [Path(name).name for name in arguments] == [_SCRIPT]:
            forked = template.fork(arguments[0], options["cwd"], options["env"])
            if forked is not None:
                return forked
        return subprocess.Popen(command, **options)  # noqa: S603  # what MiniStack starts

    refine.before("AWS::Lambda::Function", start)
    _lambda_runtime.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": popen})
