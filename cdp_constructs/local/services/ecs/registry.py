"""ECS: the images of deployed assemblies. `POST /_cdp/images` makes a folder known as `<repository>:<tag>`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers import images
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.services.lambda_ import runtime, sandboxes


@route("POST", "images")
def _add(request: Mapping[str, Any]) -> Mapping[str, Any]:
    folder = Path(request["folder"])
    if not (folder / images.DESCRIPTION).is_file():
        raise AdminError(f"{folder} is no image that was made by the embedded cloud's client on this machine")
    sandboxes.users()  # what it writes, other users will read
    return {"digest": images.add(request["name"], folder, runtime.base_interpreter)}
