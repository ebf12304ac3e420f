"""ECS: the volumes of a task, and the folders of this machine that its containers find at their paths.

Words of a container's command and variables that begin with a path at which a volume is mounted get the folder; see
`cdp_constructs.local.containers.hooked` for the paths that its program opens.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers.docker import volume_folder
from cdp_constructs.local.containers.hooked import Folders
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.ecs.records import definition_of
from cdp_constructs.local.services.efs import folders

__all__ = ["Volumes", "in_the_form_of_the_api", "remove"]

_ecs: Any = ministack.module("services.ecs", "_tasks")


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
        record = _ecs._tasks.get(task) or {}
        volumes = {each["name"]: each for each in definition_of(record).get("volumes") or []}
        self._folders = Folders(
            {
                mounted["containerPath"].rstrip("/"): self._folder(task, record, volumes[mounted["sourceVolume"]])
                for mounted in definition.get("mountPoints") or []
                if mounted.get("sourceVolume") in volumes
            }
        )

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

    @property
    def mounted(self) -> Mapping[str, str]:
        """The folder of each path at which one is mounted."""
        return self._folders.mounted

    def located(self, text: str) -> str:
        """Return a path in a volume as it is on this machine, and any other text as it is."""
        return self._folders.located(text)

    def variables(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of the container, with the folders for its hooks."""
        return {name: self.located(value) for name, value in variables.items()} | self._folders.variables


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
