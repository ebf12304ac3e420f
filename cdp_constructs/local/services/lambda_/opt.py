"""Lambda: the files of a function's layers, which it finds under /opt, and no other program does.

Its processes have a mount namespace of their own, where a folder of this machine is at /opt. That takes Linux, root or
a system that gives namespaces to every user, and a Python that is not under /opt itself. Elsewhere /opt is that of the
machine; packages of layers are found all the same, by the paths where Python and Node.js look for them.
"""

import hashlib
import logging
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.runners.processes import with_mounts
from cdp_constructs.local.runners.runner import Program
from cdp_constructs.local.services.lambda_ import folders, runtime, sandboxes
from cdp_constructs.local.services.lambda_.sandboxes import Sandbox

__all__ = ["mounts"]

_lambda: Any = ministack.module("services.lambda_svc", "_resolve_layer_zip")

_OPT = Path("/opt")
_TRIAL = "from importlib.util import find_spec; open(find_spec('boto3').origin)"

_logger = logging.getLogger(__name__)
_unpacking = Lock()
_unpacked: dict[tuple[Sandbox, tuple[str, ...]], Path] = {}
"""By whoever reads them, and by the digests of the layers."""


def mounts(config: Mapping[str, Any], sandbox: Sandbox) -> dict[str, Path]:
    """Return what a function finds at /opt; nothing when it has no layers with files, or where this cannot be.

    Args:
        config: The configuration of the function.
        sandbox: Whose user reads the files.
    """
    attachments = [layer for layer in config.get("Layers") or () if not runtime.is_powertools(layer)]
    found = [layer for layer in map(_lambda._resolve_layer_zip, attachments) if layer]
    if not found or not _is_possible() or Path(runtime.node()).resolve().is_relative_to(_OPT):
        return {}
    return {str(_OPT): _folder(found, sandbox)}


def _folder(found: list[bytes], sandbox: Sandbox) -> Path:
    key = sandbox, tuple(hashlib.sha256(layer).hexdigest() for layer in found)
    with _unpacking:
        if key not in _unpacked:
            folder = folders.new_folder("opt-")
            for layer in found:  # in their order: a file of a later one takes the place of one of the same name
                _unpack(layer, folder)
            sandbox.let_read(folder)
            _unpacked[key] = folder
        return _unpacked[key]


def _unpack(layer: bytes, folder: Path) -> None:
    with zipfile.ZipFile(BytesIO(layer)) as archive:
        for item in archive.infolist():
            file = Path(archive.extract(item, folder))
            if not item.is_dir() and item.external_attr >> 16 & 0o111:
                file.chmod(0o755)


@once
def _is_possible() -> bool:
    """Whether Python runs, as the user of a function, where something else is at /opt."""
    if not sys.platform.startswith("linux") or not _OPT.is_dir():
        return False
    user = next(iter(sandboxes.users()), None)
    environment = sandboxes.environment() | sandboxes.libraries()
    mounted = {str(_OPT): folders.new_folder("opt-")}
    trial = Program([str(runtime.interpreter()), "-c", _TRIAL], Path("/"), environment, user, mounted)
    ended = subprocess.run(with_mounts(trial), check=False, capture_output=True, text=True, cwd="/")  # noqa: S603
    if ended.returncode:
        last = (ended.stderr.strip() or str(ended.returncode)).splitlines()[-1]
        _logger.warning("files of layers are not under /opt: %s", last)
    return ended.returncode == 0
