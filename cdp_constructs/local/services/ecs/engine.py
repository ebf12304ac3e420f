"""ECS: the container engine, as MiniStack asks for it.

MiniStack keeps tasks and services and speaks to Docker. What it gets here answers the same calls with processes of this
machine; see `cdp_constructs.local.containers`.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cdp_constructs.local.containers import addresses, images
from cdp_constructs.local.containers.images import Image
from cdp_constructs.local.containers.processes import Container, Spec
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.ecs import dependencies
from cdp_constructs.local.services.lambda_ import sandboxes

__all__ = ["EngineContainer", "running"]

_ecs: Any = ministack.module("services.ecs", "_ImagePullError")

_NETWORK = "embedded cloud"
_TASK = "com.amazonaws.ecs.task-arn"
_NAME = "com.amazonaws.ecs.container-name"
_FAMILY = "com.amazonaws.ecs.task-definition-family"
_STOP_SECONDS = 30
"""What Fargate waits for by default before it kills a container."""

_addresses: dict[str, str] = {}
"""The address of each task, which its containers share."""
_containers: dict[str, "EngineContainer"] = {}


class EngineContainer:
    """A container, with the names that the SDK of Docker has for what it can do."""

    def __init__(self, container: Container, name: str) -> None:
        self.container = container
        self.id = container.id
        self.name = name
        self.labels = dict(container.spec.labels)
        self.attrs = {"NetworkSettings": {"Networks": {_NETWORK: {"IPAddress": container.spec.address}}}}

    @property
    def task(self) -> str:
        """ARN of its task."""
        return self.labels.get(_TASK, "")

    @property
    def status(self) -> str:
        """`running` or `exited`."""
        return "running" if self.container.exit_code is None else "exited"

    def reload(self) -> None:
        """Do nothing: the status is always the present one."""

    def wait(self) -> dict[str, int]:
        """Return the exit code of a container that has ended."""
        return {"StatusCode": self.container.exit_code or 0}

    def logs(self, *, stream: bool = False, follow: bool = False, **_options: Any) -> Iterator[bytes] | bytes:
        """Return what it has written, or yield it as it is written."""
        return self.container.output() if stream and follow else self.container.log.read_bytes()

    def stop(self, **_options: Any) -> None:
        """End it, as fast as its definition says."""
        self.container.stop()

    def remove(self, **_options: Any) -> None:
        """Remove it; its address is free when all containers of its task are gone."""
        self.container.remove()
        _containers.pop(self.id, None)
        if not any(other.task == self.task for other in _containers.values()):
            addresses.give_back(_addresses.pop(self.task, ""))


def running(task: str) -> list[EngineContainer]:
    """Return the containers of a task."""
    return [container for container in list(_containers.values()) if container.task == task]


class _Containers:
    def get(self, reference: str) -> Any:
        if reference == os.environ.get("HOSTNAME", ""):
            # MiniStack looks for itself, to learn which address containers reach it by.
            return SimpleNamespace(attrs={"NetworkSettings": {"Networks": {_NETWORK: {"IPAddress": "127.0.0.1"}}}})
        return _containers[reference]

    def list(self, **_options: Any) -> list[EngineContainer]:
        return list(_containers.values())


class _Images:
    def get_registry_data(self, name: str, **_options: Any) -> Any:
        image = images.find(name)
        if image is None:
            raise LookupError(name)
        return SimpleNamespace(id=image.digest)

    def get(self, name: str) -> Any:
        return self.get_registry_data(name)


_engine = SimpleNamespace(containers=_Containers(), images=_Images())


@patch("ministack.services.ecs:_get_docker")
def _get_engine(_original: Any) -> Any:
    return _engine


def _environment(image: Image, variables: Mapping[str, str], address: str) -> dict[str, str]:
    given = image.environment()
    merged = {**sandboxes.environment(), **sandboxes.libraries(), **given, **variables, "CDP_TASK_ADDRESS": address}
    for name, separator in (("PYTHONPATH", os.pathsep), ("NODE_OPTIONS", " ")):
        if merged[name] != given[name]:  # the definition's own comes first, and the hook stays
            merged[name] = f"{merged[name]}{separator}{given[name]}"
    return merged


def _spec(image: Image, definition: Mapping[str, Any], options: Mapping[str, Any]) -> Spec:
    labels: Mapping[str, str] = options["labels"]
    folder = Path(image.located(definition.get("workingDirectory") or image.recipe.folder))
    address = _addresses.get(labels[_TASK]) or _addresses.setdefault(labels[_TASK], addresses.take())
    return Spec(
        command=image.command(definition.get("entryPoint"), options.get("command")),
        folder=folder if folder.is_dir() else image.root,
        environment=_environment(image, options["environment"], address),
        address=address,
        user=sandboxes.sandbox(f"ecs:{labels[_FAMILY]}").user,
        stop_signal=image.recipe.stop_signal,
        stop_seconds=float(definition.get("stopTimeout") or _STOP_SECONDS),
        labels=labels,
    )


@patch("ministack.services.ecs:_run_docker_container")
def _run(_original: Any, _docker: Any, definition: dict[str, Any], options: dict[str, Any], **_others: Any) -> Any:
    image = images.find(definition["image"])
    if image is None:
        raise _ecs._ImagePullError(
            f"{definition['image']} is no image asset of a deployed assembly; the embedded cloud pulls from no registry"
        )
    labels = options["labels"]
    dependencies.wait(labels[_TASK], definition, running)
    spec = _spec(image, definition, options)
    container = EngineContainer(Container(spec, Path(os.environ["STATE_DIR"]).parent), options["name"])
    _containers[container.id] = container
    try:
        container.container.start()
    except BaseException:
        container.remove()
        raise
    dependencies.watch(labels[_TASK], definition, image, container)
    return container
