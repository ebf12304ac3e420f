"""ECS: containers of Docker or Podman, when the embedded cloud was started with `--containers docker`.

What a container definition says reaches the engine as options of its command: command, entry point, working directory,
variables, volumes and memory. The hooks that give processes the address of their task are mounted into it.
"""

import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers import built, hooked, questions
from cdp_constructs.local.containers.engines import Engine, EngineContainer, last_line
from cdp_constructs.local.containers.processes import Spec
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.ecs import network, trust
from cdp_constructs.local.services.ecs.records import definition_of
from cdp_constructs.local.services.ecs.volumes import Volumes
from cdp_constructs.local.services.lambda_ import folders, sandboxes

__all__ = ["make"]

_ecs: Any = ministack.module("services.ecs", "_ImagePullError", "_tasks")
_rds: Any = ministack.module("services.rds", "pg_ca_cert_pem")

_OF_IMAGE = frozenset({"PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH"})
"""Variables of processes that a container has from its image."""
_PULL_SECONDS = 900.0


def _configuration(engine: Engine, image: str) -> Mapping[str, Any]:
    """Return what an image says, which is pulled if it is of a registry."""
    found = engine.configuration(image)
    if found is not None:
        return found
    pulled = engine.call("pull", "--quiet", image, seconds=_PULL_SECONDS)
    found = None if pulled.returncode else engine.configuration(image)
    if found is None:
        raise _ecs._ImagePullError(f"{image}: {last_line(pulled.stderr)}")
    return found


def _environment(configuration: Mapping[str, Any], given: Mapping[str, str], address: str, task: str) -> dict[str, str]:
    of_image = dict(each.partition("=")[::2] for each in configuration.get("Env") or ())
    shared = {name: value for name, value in sandboxes.environment().items() if name not in _OF_IMAGE}
    trusted = {name: value for name, value in trust.variables().items() if name not in of_image}
    merged = {**shared, **trusted, **given, **network.variables(task), "CDP_TASK_ADDRESS": address}
    return {**merged, **hooked.variables({**of_image, **given})}


@once
def _authority() -> Path:
    """Return a file with the certificate authority of databases, which every user can read."""
    file = folders.new_folder("authority-") / "database.pem"
    file.write_text(_rds.pg_ca_cert_pem())
    file.chmod(0o644)
    return file


def _mounts(definition: Mapping[str, Any], volumes: Volumes, authorities: Iterable[str]) -> list[str]:
    hooks, socket = hooked.folder(), questions.socket_path().parent
    points = definition.get("mountPoints") or ()
    read_only = {each["containerPath"].rstrip("/") for each in points if each.get("readOnly")}
    found = [f"{hooks}:{hooks}:ro", f"{socket}:{socket}"]
    found += [f"{folder}:{path}{':ro' if path in read_only else ''}" for path, folder in volumes.mounted.items()]
    found += [f"{trust.file()}:{trust.file()}:ro", *(f"{_authority()}:{path}:ro" for path in authorities)]
    return [word for each in found for word in ("--volume", each)]


def _memory(definition: Mapping[str, Any], task: str) -> list[str]:
    limit = definition.get("memory") or definition_of(_ecs._tasks.get(task) or {}).get("memory")
    return ["--memory", f"{int(limit)}m"] if limit else []


def make(
    engine: Engine, definition: Mapping[str, Any], options: Mapping[str, Any], address: str, stop_seconds: float
) -> EngineContainer:
    """Make a container, which is not started yet.

    Args:
        engine: The engine.
        definition: The container definition.
        options: What MiniStack asks of Docker: labels, variables and the command.
        address: Address of the task.
        stop_seconds: How long it may take to end.

    Raises:
        OSError: a volume cannot be mounted.
    """
    task = options["labels"][parties.TASK]
    asset = built.find(definition["image"])
    image = asset.tag if asset else definition["image"]
    configuration = _configuration(engine, image)
    volumes = Volumes(task, definition, None)
    entry_point, command = definition.get("entryPoint"), options.get("command") or []
    words = [
        "--security-opt",
        "label=disable",
        *_mounts(definition, volumes, asset.authorities if asset else ()),
        *_memory(definition, task),
    ]
    if folder := definition.get("workingDirectory"):
        words += ["--workdir", folder]
    if volumes.user is not None:
        words += ["--user", f"{volumes.user}:{volumes.user}"]
    elif user := definition.get("user"):
        words += ["--user", user]
    if entry_point:
        words += ["--entrypoint", entry_point[0]]
    words += [image, *(entry_point or [])[1:], *command]
    spec = Spec(
        command=(),
        folder=Path("/"),
        environment=_environment(configuration, options["environment"], address, task),
        address=address,
        stop_seconds=stop_seconds,
        labels=options["labels"],
    )
    server = Path(os.environ["STATE_DIR"]).parent
    return EngineContainer(engine, f"cdp-{uuid.uuid4().hex}", words, spec, server)
