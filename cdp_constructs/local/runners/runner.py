"""What runs a program on behalf of a service: the code of a function, and any other process of the user's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

__all__ = ["Program", "Runner", "Running"]


@dataclass(frozen=True)
class Program:
    """A program to run.

    Attributes:
        command: The executable and its arguments.
        folder: Its working directory.
        environment: Its whole environment, the credentials of its role included (`AWS_ACCESS_KEY_ID`,
            `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`); nothing is inherited.
        user: User and group id that it runs as; None for those of this process.
        mounts: Folders that it, and no other program, finds at other paths (Linux).
    """

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    user: int | None = None
    mounts: Mapping[str, Path] = field(default_factory=dict)


class Running(Protocol):
    """A program that was started: as much of `subprocess.Popen` as the services use."""

    pid: int
    returncode: int | None

    @property
    def stdin(self) -> IO[str] | None:
        """Its standard input, flushed after each line."""

    @property
    def stdout(self) -> IO[str] | None:
        """Its standard output."""

    @property
    def stderr(self) -> IO[str] | None:
        """Its standard error, which is its log."""

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it does not end within so many seconds.
        """

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""

    def kill(self) -> None:
        """End it (SIGKILL)."""


class Runner(Protocol):
    """Starts programs."""

    def start(self, program: Program) -> Running:
        """Start a program, with its three standard streams as text."""
