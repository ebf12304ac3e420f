"""Containers and volumes under the names that the SDK of Docker has for them, as MiniStack's services use them."""

import os
import shutil
import tempfile
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cdp_constructs.local.containers.processes import Container

__all__ = ["NETWORK", "DockerContainer", "Engine", "volume_folder"]

NETWORK = "bridge"
"""A name of a network that gives addresses and no names: containers are reached by their address."""
_EXEC_SECONDS = 60.0
_Result = namedtuple("_Result", ["exit_code", "output"])  # noqa: PYI024  # unpacked, as the SDK's is


class DockerContainer:
    """A container.

    Args:
        container: What runs.
        name: Its name.
        removed: Called when it was removed.
    """

    def __init__(self, container: Container, name: str, removed: Callable[["DockerContainer"], None]) -> None:
        self.container = container
        self.id = container.id
        self.name = name
        self.labels: Mapping[str, str] = dict(container.spec.labels)
        self.attrs = {"NetworkSettings": {"Networks": {NETWORK: {"IPAddress": container.spec.address}}}}
        self._removed = removed

    @property
    def status(self) -> str:
        """`running` or `exited`."""
        return "running" if self.container.exit_code is None else "exited"

    def reload(self) -> None:
        """Do nothing: the status is always the present one."""

    def start(self) -> None:
        """Start it, again if it has ended."""
        self.container.start()

    def wait(self) -> dict[str, int]:
        """Return the exit code of a container that has ended."""
        return {"StatusCode": self.container.exit_code or 0}

    def logs(self, *, stream: bool = False, follow: bool = False, **_options: Any) -> Iterator[bytes] | bytes:
        """Return what it has written, or yield it as it is written."""
        return self.container.output() if stream and follow else self.container.log.read_bytes()

    def exec_run(self, command: Sequence[str], **_options: Any) -> _Result:
        """Run another command in it."""
        return _Result(*self.container.run(command, _EXEC_SECONDS))

    def stop(self, **_options: Any) -> None:
        """End it, in the time that it was started with."""
        self.container.stop()

    def remove(self, **_options: Any) -> None:
        """Remove it, and its files."""
        self.container.remove()
        self._removed(self)


class Engine:
    """The client of Docker that a service gets: what it started, by id or name, and its volumes."""

    def __init__(self) -> None:
        self._containers: dict[str, DockerContainer] = {}
        self.containers = SimpleNamespace(get=self._get, list=lambda **_options: list(self._containers.values()))
        self.volumes = SimpleNamespace(get=lambda name: SimpleNamespace(remove=lambda **_options: _remove_volume(name)))

    def add(self, container: Container, name: str, removed: Callable[[DockerContainer], None]) -> DockerContainer:
        """Keep a container until it is removed."""

        def forget(gone: DockerContainer) -> None:
            self._containers.pop(gone.id, None)
            removed(gone)

        added = DockerContainer(container, name, forget)
        self._containers[added.id] = added
        return added

    def all(self) -> list[DockerContainer]:
        """Return what was started and not removed."""
        return list(self._containers.values())

    def find(self, container: str | None) -> DockerContainer | None:
        """Return a container by its id; None when it was removed."""
        return self._containers.get(container) if container else None

    def _get(self, reference: str) -> Any:
        if reference == os.environ.get("HOSTNAME", ""):
            # MiniStack looks for itself, to learn which address containers reach it by.
            return SimpleNamespace(attrs={"NetworkSettings": {"Networks": {NETWORK: {"IPAddress": "127.0.0.1"}}}})
        found = self.find(reference) or next((each for each in self.all() if each.name == reference), None)
        if found is None:
            raise LookupError(f"there is no container {reference}")
        return found


def volume_folder(name: str) -> Path:
    """Return the folder of a volume, which outlives its containers; it may not be there yet."""
    parent = Path(tempfile.gettempdir()) / "volumes"
    parent.mkdir(mode=0o711, exist_ok=True)
    parent.chmod(0o711)
    return parent / name


def _remove_volume(name: str) -> None:
    shutil.rmtree(volume_folder(name), ignore_errors=True)
