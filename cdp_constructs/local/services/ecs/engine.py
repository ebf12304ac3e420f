"""ECS: the container engine, as MiniStack asks for it.

MiniStack keeps tasks and services and speaks to Docker. What it gets here answers the same calls with processes of this
machine, or with containers of Docker or Podman when the user asks for them; see `cdp_constructs.local.containers`.
"""

import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cdp_constructs.local.containers import addresses, built, docker, engines, images, public
from cdp_constructs.local.containers.engines import Engine
from cdp_constructs.local.containers.images import Image
from cdp_constructs.local.containers.processes import Container, Spec
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.ecs import dependencies, engine_containers, memory, network, trust, volumes
from cdp_constructs.local.services.lambda_ import folders, runtime, sandboxes

__all__ = ["running"]

_ecs: Any = ministack.module("services.ecs", "_ImagePullError", "_resolve_td_key", "_services", "_task_defs")

_FAMILY = "com.amazonaws.ecs.task-definition-family"
_STOP_SECONDS = 30
"""What Fargate waits for by default before it kills a container."""

_addresses: dict[str, str] = {}
"""The address of each task, which its containers share."""
_engine = docker.Engine()


def _image(name: str) -> Image | None:
    """Return what a container definition names, when it was made here or is a public one that runs here."""
    sandboxes.users()  # what is written for a public one, other users will read
    return images.find(name) or public.find(name, runtime.base_interpreter, folders.readable)


def running(task: str) -> list[docker.DockerContainer]:
    """Return the containers of a task."""
    return [container for container in _engine.all() if container.labels[parties.TASK] == task]


def _give_back(gone: docker.DockerContainer) -> None:
    """Let others use the address of a task when its last container was removed."""
    if not running(gone.labels[parties.TASK]):
        addresses.give_back(_addresses.pop(gone.labels[parties.TASK], ""))
        volumes.remove(gone.labels[parties.TASK])


class _Images:
    def get_registry_data(self, name: str, **_options: Any) -> Any:
        image = built.find(name) if engines.configured() else _image(name)
        if image is None:
            raise LookupError(name)
        return SimpleNamespace(id=image.digest)

    def get(self, name: str) -> Any:
        # An engine has, or pulls, what was not made here.
        return SimpleNamespace(id=name) if engines.configured() else self.get_registry_data(name)


_docker = SimpleNamespace(containers=_engine.containers, images=_Images())


_described: ContextVar[bool] = ContextVar("_described", default=False)
"""Whether the tasks that are looked at are described only, as those whose images nobody has made here."""


@patch("ministack.services.ecs:_get_docker")
def _get_engine(_original: Any) -> Any:
    return None if _described.get() else _docker


def _runs(definition: str) -> bool:
    """Whether every image of a task definition runs here; of one that does not exist MiniStack says so itself."""
    if engines.configured():
        return True
    record = _ecs._task_defs.get(_ecs._resolve_td_key(definition)) or {}
    return all(_image(each.get("image", "")) is not None for each in record.get("containerDefinitions", []))


@patch_each("ministack.services.ecs:_run_task", "ministack.services.ecs:_ACTION_MAP[RunTask]")
def _run_described(original: Callable[[Any], Any], data: Mapping[str, Any]) -> Any:
    token = _described.set(not _runs(data.get("taskDefinition", "")))
    try:
        return original(data)
    finally:
        _described.reset(token)


@patch("ministack.services.ecs:_reconcile_service_tasks")
def _reconcile_described(original: Callable[..., None], cluster: str, key: str) -> None:
    service = _ecs._services.get(key) or {}
    token = _described.set(not _runs(service.get("taskDefinition", "")))
    try:
        original(cluster, key)
    finally:
        _described.reset(token)


def _environment(image: Image, variables: Mapping[str, str], address: str, task: str) -> dict[str, str]:
    given = image.environment()
    merged = {
        **sandboxes.environment(),
        **sandboxes.libraries(),
        **trust.variables(),
        **given,
        **variables,
        **network.variables(task),
        "CDP_TASK_ADDRESS": address,
    }
    for name, separator in (("PYTHONPATH", os.pathsep), ("NODE_OPTIONS", " ")):
        if merged[name] != given[name]:  # the definition's own comes first, and the hook stays
            merged[name] = f"{merged[name]}{separator}{given[name]}"
    return merged


def _address(task: str) -> str:
    return _addresses.get(task) or _addresses.setdefault(task, addresses.take())


def _stop_seconds(definition: Mapping[str, Any]) -> float:
    return float(definition.get("stopTimeout") or _STOP_SECONDS)


def _spec(image: Image, definition: Mapping[str, Any], options: Mapping[str, Any]) -> Spec:
    labels: Mapping[str, str] = options["labels"]
    place = definition.get("workingDirectory") or image.recipe.folder
    folder = image.root if place == "/" else Path(image.located(place))
    address = _address(labels[parties.TASK])
    user = sandboxes.named_user() if image.named_user else sandboxes.sandbox(f"ecs:{labels[_FAMILY]}").user
    mounted = volumes.Volumes(labels[parties.TASK], definition, user)
    command = image.command(definition.get("entryPoint"), options.get("command"))
    return Spec(
        command=[mounted.located(word) for word in command],
        folder=folder if folder.is_dir() else image.root,
        environment=mounted.variables(_environment(image, options["environment"], address, labels[parties.TASK])),
        address=address,
        user=mounted.user,
        stop_signal=image.recipe.stop_signal,
        stop_seconds=_stop_seconds(definition),
        labels=labels,
        low_ports=True,
    )


def _made(
    engine: Engine | None, image: Image | None, definition: Mapping[str, Any], options: Mapping[str, Any]
) -> Container:
    if engine:
        address = _address(options["labels"][parties.TASK])
        return engine_containers.make(engine, definition, options, address, _stop_seconds(definition))
    assert image is not None  # noqa: S101  # the caller has looked
    return Container(_spec(image, definition, options), Path(os.environ["STATE_DIR"]).parent)


@patch("ministack.services.ecs:_run_docker_container")
def _run(_original: Any, _docker: Any, definition: dict[str, Any], options: dict[str, Any], **_others: Any) -> Any:
    engine = engines.configured()
    image = None if engine else _image(definition["image"])
    if not engine and image is None:
        raise _ecs._ImagePullError(
            f"{definition['image']} is no image asset of a deployed assembly; the embedded cloud pulls from no registry"
        )
    labels = options["labels"]
    dependencies.wait(labels[parties.TASK], definition, running)
    container = _engine.add(_made(engine, image, definition, options), options["name"], _give_back)
    try:
        container.start()
    except BaseException:
        container.remove()
        raise
    dependencies.watch(labels[parties.TASK], definition, image, container)
    if not engine:  # which watches the memory of its containers itself
        memory.watch()
    return container
