"""The hooks that containers and functions load, and the folders that they find at paths of their own.

Neither has a file system of its own here. The hooks lead paths at which a folder is mounted to that folder, for the
functions of Python and Node.js that take the path of a file.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cdp_constructs.local.kit.once import once

__all__ = ["OF_NODE", "VOLUMES_OF_NODE", "Folders", "folder", "variables"]

_HOOKS = Path(__file__).with_name("hooks")
VOLUMES_OF_NODE = ("volumes.cjs",)
OF_NODE = ("network.cjs", *VOLUMES_OF_NODE)
"""The hooks of a container on Node.js; Python finds its own by itself."""


@once
def folder() -> Path:
    """Return a folder with the hooks that every user can read, which that of the library may not be."""
    made = Path(tempfile.mkdtemp(prefix="hooks-"))
    for file in _HOOKS.glob("[!_]*"):
        shutil.copy(file, made)
        (made / file.name).chmod(0o644)
    made.chmod(0o755)
    return made


def variables(given: Mapping[str, str], of_node: tuple[str, ...] = OF_NODE) -> dict[str, str]:
    """Return the variables by which Python and Node.js load the hooks, with what they have been given already.

    Args:
        given: Variables of a program.
        of_node: Names of the hooks for Node.js.
    """
    required = [f"--require {folder() / name}" for name in of_node]
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, [given.get("PYTHONPATH"), str(folder())])),
        "NODE_OPTIONS": " ".join(filter(None, [given.get("NODE_OPTIONS"), *required])),
    }


def _own_folders() -> list[str]:
    """Return folders of this machine that are never paths in a container, wherever a volume is mounted.

    A volume at `/tmp` would otherwise take the images and homes of containers, which this machine keeps there.
    """
    state = str(Path(os.environ["STATE_DIR"]).parent)
    return [tempfile.gettempdir(), state, sys.prefix, sys.base_prefix, str(Path(__file__).parents[3])]


class Folders:
    """Folders of this machine by the paths at which a program finds them.

    Args:
        mounted: The folder by its path.
    """

    def __init__(self, mounted: Mapping[str, str]) -> None:
        self.mounted = dict(mounted)
        self._own = _own_folders()

    def located(self, text: str) -> str:
        """Return a path in a folder as it is on this machine, and any other text as it is."""
        if text.startswith(tuple(f"{own}/" for own in self._own)):
            return text
        for path, place in self.mounted.items():
            if text == path or text.startswith(f"{path}/"):
                return place + text[len(path) :]
        return text

    @property
    def variables(self) -> dict[str, str]:
        """What tells the hooks of them; nothing when there are none."""
        if not self.mounted:
            return {}
        return {"CDP_TASK_FOLDERS": json.dumps(self.mounted), "CDP_TASK_OWN_FOLDERS": json.dumps(self._own)}
