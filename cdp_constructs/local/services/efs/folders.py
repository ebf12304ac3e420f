"""EFS: the folder that stands for a file system or an access point, for tasks that mount it.

https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers.docker import volume_folder
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.ec2 import firewall
from cdp_constructs.local.services.ec2.firewall import Party
from cdp_constructs.local.services.lambda_ import sandboxes

__all__ = ["Mounted", "mount"]

_efs: Any = ministack.module("services.efs", "_access_points", "_file_systems", "_mount_targets")

_PORT = 2049
_PERMISSIONS = 0o755


@dataclass(frozen=True)
class Mounted:
    """What a task has mounted.

    Attributes:
        folder: The folder.
        user: The user and group that access it, where root runs the server: one for each POSIX user of a file system.
    """

    folder: Path
    user: int | None


def _root(file_system: str) -> Path:
    return volume_folder(f"efs-{file_system}")


def mount(client: Party, zone: str, file_system: str, access_point: str = "", directory: str = "/") -> Mounted:
    """Return a file system or a part of it, as a task mounts it.

    Args:
        client: The task, whose security groups the mount target must let in.
        zone: Its zone, in which there must be a mount target.
        file_system: Id of the file system.
        access_point: Id of an access point, whose directory and user count.
        directory: Directory to mount without an access point; it must be there.

    Raises:
        OSError: it cannot be mounted; the message says why.
    """
    targets = [each for each in _efs._mount_targets.values() if each["FileSystemId"] == file_system]
    near = [each for each in targets if each["AvailabilityZoneName"] == zone]
    if file_system not in _efs._file_systems or not near:
        raise FileNotFoundError(f"{file_system} has no mount target in {zone}")
    server = Party(f"mount target {near[0]['MountTargetId']}", tuple(near[0].get("SecurityGroups") or ()))
    if reason := firewall.check(client, server, _PORT):
        raise TimeoutError(f"mount.nfs4: Connection timed out: {reason}")
    point = _efs._access_points.get(access_point) or {}
    if access_point and point.get("FileSystemId") != file_system:
        raise FileNotFoundError(f"{file_system} has no access point {access_point}")
    posix = point.get("PosixUser") or {}
    user = sandboxes.sandbox(f"efs:{file_system}:{posix.get('Uid', 0)}").user
    root = _root(file_system)
    root.mkdir(mode=0o755, exist_ok=True)
    described = point.get("RootDirectory") or {}
    path = root / str(described.get("Path") or directory).lstrip("/")
    if not path.resolve().is_relative_to(root):
        raise PermissionError(f"{directory} is outside of {file_system}")
    if not path.exists():
        _create(root, path, described.get("CreationInfo"), file_system)
    elif path == root and user is not None and not access_point:
        os.chown(root, user, user)  # nobody else mounts it whole
    return Mounted(path, user)


def _create(root: Path, path: Path, creation: dict[str, Any] | None, file_system: str) -> None:
    """Make the directory of an access point, of the owner that it says."""
    if creation is None:
        raise FileNotFoundError(f"{path.relative_to(root)} does not exist in {file_system}")
    path.mkdir(parents=True)
    owner = sandboxes.sandbox(f"efs:{file_system}:{creation.get('OwnerUid', 0)}").user
    if owner is not None:
        os.chown(path, owner, owner)
    path.chmod(int(str(creation.get("Permissions") or f"{_PERMISSIONS:o}"), 8))


@patch("ministack.services.efs:_delete_file_system")
def _delete(original: Callable[[str], Any], file_system: str) -> Any:
    answer = original(file_system)
    if file_system not in _efs._file_systems:
        shutil.rmtree(_root(file_system), ignore_errors=True)
    return answer
