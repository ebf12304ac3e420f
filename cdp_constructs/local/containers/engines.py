"""Docker or Podman, by its command: it runs the containers of tasks when the user asks for it.

Containers have the network of this machine, because what the embedded cloud serves listens on the loopback addresses,
which no other network reaches. The process of a container is here the command that waits for it: its output, its exit
code and its end are those of the container.
"""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers.processes import Container, Spec

__all__ = ["OF_USER", "VARIABLE", "Engine", "EngineContainer", "configured", "end", "last_line", "tag_of"]

VARIABLE = "CDP_CONTAINER_ENGINE"
"""The variable of the server that has the engine, in JSON; without it containers are processes."""
OF_USER = (
    *("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINER_HOST"),
    *("DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
)
"""Variables of the user by which the command finds the engine and its settings."""
_LABEL = "cdp.server"
"""The label of a container that says which embedded cloud it belongs to."""
_SECONDS = 60.0
_STOP_MORE_SECONDS = 10.0


@dataclass(frozen=True)
class Engine:
    """A container engine.

    Attributes:
        command: Path of `docker` or `podman`.
        environment: The variables that the command gets.
    """

    command: str
    environment: Mapping[str, str]

    def call(
        self, *arguments: str, seconds: float | None = _SECONDS, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the engine, and return how it ended.

        Args:
            arguments: For example `"rm"`, `"--force"` and a name.
            seconds: How long it may take; None for what takes as long as it takes.
            folder: Its working directory.

        Raises:
            OSError: it cannot be started.
            subprocess.TimeoutExpired: it took too long.
        """
        return subprocess.run(  # noqa: S603  # the engine that the user chose
            [self.command, *arguments],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            cwd=folder or "/",
            env=dict(self.environment),
        )

    def configuration(self, image: str) -> Mapping[str, Any] | None:
        """Return what an image says of its containers; None for one that is not on this machine."""
        answer = self.call("image", "inspect", "--format", "{{json .Config}}", image)
        if answer.returncode:
            return None
        found: Mapping[str, Any] = json.loads(answer.stdout) or {}
        return found

    def to_json(self) -> str:
        """Return it as the variable of the server has it."""
        return json.dumps(asdict(self))


def configured() -> Engine | None:
    """Return the engine of this server; None when containers are processes."""
    described = os.environ.get(VARIABLE)
    return Engine(**json.loads(described)) if described else None


def tag_of(name: str) -> str:
    """Return the tag of an image asset in the engine, by the name `<repository>:<tag>` that templates use."""
    return f"cdp-local/{name}"


def last_line(text: str) -> str:
    """Return the last line of what a command wrote, which says why it failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"


class EngineContainer(Container):
    """A container of an engine.

    Args:
        engine: The engine.
        name: Its name there.
        options: What the command `run` is given, image and command included.
        spec: Its variables and labels, its address, and how long it may take to end.
        server: Private folder of the embedded cloud.
    """

    def __init__(self, engine: Engine, name: str, options: Sequence[str], spec: Spec, server: Path) -> None:
        self._engine = engine
        self._name = name
        own = ["--rm", "--name", name, "--label", f"{_LABEL}={server}", "--network", "host"]
        command = [engine.command, "run", *own, *_variables(engine, spec.environment), *options]
        environment = {**spec.environment, **engine.environment}
        super().__init__(
            Spec(
                command=command,
                folder=Path("/"),
                environment=environment,
                address=spec.address,
                stop_seconds=spec.stop_seconds,
                labels=spec.labels,
            ),
            server,
        )

    @property
    def _options(self) -> dict[str, Any]:
        """The command finds the engine by the home of the user, and not by one of its own."""
        return {**super()._options, "env": dict(self.spec.environment)}

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the container."""
        if self.exit_code is None and self._engine.call("kill", "--signal", number.name, self._name).returncode:
            super().send_signal(number)  # it is not there yet: its image is pulled

    def stop(self) -> None:
        """Ask the container to end, and kill it when it does not do so in time; returns when it has ended."""
        if self.process_id and self.exit_code is None:
            seconds = self.spec.stop_seconds
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._engine.call("stop", "-t", str(int(seconds)), self._name, seconds=seconds + _STOP_MORE_SECONDS)
            self._wait(_STOP_MORE_SECONDS)
        super().stop()

    def remove(self) -> None:
        """Stop it, and remove it from the engine."""
        super().remove()
        self._engine.call("rm", "--force", self._name)

    def run(self, command: Sequence[str], seconds: float) -> tuple[int, bytes]:
        """Run another command in the container, and return its exit code and output.

        Raises:
            OSError: the engine cannot be asked.
            subprocess.TimeoutExpired: it did not end in time.
        """
        return super().run([self._engine.command, "exec", self._name, *command], seconds)


def _variables(engine: Engine, given: Mapping[str, str]) -> list[str]:
    """Return the options that give a container its variables.

    The engine takes values from the environment of the command, where nobody else reads them, except of those variables
    that the command itself needs.
    """
    return [
        word
        for name, value in given.items()
        for word in ("--env", f"{name}={value}" if name in engine.environment else name)
    ]


def end(server: Path) -> None:
    """Remove the containers of an embedded cloud, which do not end with the commands that wait for them."""
    engine = configured()
    if engine is None:
        return
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        found = engine.call("ps", "--all", "--quiet", "--filter", f"label={_LABEL}={server}").stdout.split()
        if found:
            engine.call("rm", "--force", *found)
