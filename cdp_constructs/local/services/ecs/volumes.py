"""ECS: the volumes of a task, and the folders of this machine that its containers find at their paths.

A container has no file system of its own here. Words of its command and variables that begin with a path at which a
volume is mounted get the folder, and the hooks do the same with the paths of files in Python and Node.js.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers.docker import volume_folder
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.ecs.records import definition_of
from cdp_constructs.local.services.efs import folders

__all__ = ["Volumes", "in_the_form_of_the_api", "remove"]

_ecs: Any = ministack.module("services.ecs", "_tasks")

_VARIABLE, _OWN_VARIABLE = "CDP_TASK_FOLDERS", "CDP_TASK_OWN_FOLDERS"


def _own_folders() -> list[str]:
    """Return folders of this machine that are never paths in a container, wherever a volume is mounted.

    A volume at `/tmp` would otherwise take the images and homes of containers, which this machine keeps there.
    """
    state = str(Path(os.environ["STATE_DIR"]).parent)
    return [tempfile.gettempdir(), state, sys.prefix, sys.base_prefix, str(Path(__file__).parents[4])]


class Volumes:
    """What a container has mounted.

    Args:
        task: ARN of the task.
        definition: The container definition.
        user: The user of the task's containers, where root runs the server.

    Attributes:
        user: Their user; that of the access point when one is mounted.

    Raises:
        OSError: a volume cannot be mounted.
    """

    def __init__(self, task: str, definition: Mapping[str, Any], user: int | None) -> None:
        self.user = user
        self._own_folders = _own_folders()
        record = _ecs._tasks.get(task) or {}
        volumes = {each["name"]: each for each in definition_of(record).get("volumes") or []}
        self._folders = {
            mounted["containerPath"].rstrip("/"): self._folder(task, record, volumes[mounted["sourceVolume"]])
            for mounted in definition.get("mountPoints") or []
            if mounted.get("sourceVolume") in volumes
        }

    def _folder(self, task: str, record: Mapping[str, Any], volume: Mapping[str, Any]) -> str:
        efs = volume.get("efsVolumeConfiguration")
        if efs:
            point = (efs.get("authorizationConfig") or {}).get("accessPointId", "")
            mounted = folders.mount(
                parties.of_task(task),
                record["availabilityZone"],
                efs["fileSystemId"],
                point,
                efs.get("rootDirectory") or "/",
            )
            self.user = mounted.user
            return str(mounted.folder)
        folder = _of_task(task) / volume["name"]
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if self.user is not None:
            os.chown(folder, self.user, self.user)
        return str(folder)

    def located(self, text: str) -> str:
        """Return a path in a volume as it is on this machine, and any other text as it is."""
        if text.startswith(tuple(f"{own}/" for own in self._own_folders)):
            return text
        for path, folder in self._folders.items():
            if text == path or text.startswith(f"{path}/"):
                return folder + text[len(path) :]
        return text

    def variables(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of the container, with the folders for its hooks."""
        found = {name: self.located(value) for name, value in variables.items()}
        if not self._folders:
            return found
        return {**found, _VARIABLE: json.dumps(self._folders), _OWN_VARIABLE: json.dumps(self._own_folders)}


def _of_task(task: str) -> Path:
    return volume_folder(f"task-{task.rpartition('/')[2]}")


def remove(task: str) -> None:
    """Remove the volumes that a task shares between its containers; file systems of EFS stay."""
    shutil.rmtree(_of_task(task), ignore_errors=True)


def in_the_form_of_the_api(volumes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the volumes of a template as the API has them."""
    for volume in volumes:
        efs = volume.get("EFSVolumeConfiguration")
        if efs is None:
            yield {"name": volume.get("Name") or volume.get("name"), "host": volume.get("Host") or {}}
            continue
        authorization = efs.get("AuthorizationConfig") or {}
        yield {
            "name": volume["Name"],
            "efsVolumeConfiguration": {
                "fileSystemId": efs.get("FilesystemId") or efs.get("FileSystemId"),
                "rootDirectory": efs.get("RootDirectory") or "/",
                "transitEncryption": efs.get("TransitEncryption", "DISABLED"),
                "authorizationConfig": {
                    "accessPointId": authorization.get("AccessPointId", ""),
                    "iam": authorization.get("IAM", "DISABLED"),
                },
            },
        }
