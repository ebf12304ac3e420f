"""Where this user's clients find the root key of a running server: a folder per user, a file per port.

The file exists as long as the server: `$XDG_STATE_HOME/cdp-constructs/servers/<port>.json`, readable for the user only.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from cdp_constructs.local.errors import StartError
from cdp_constructs.local.process import private_files
from cdp_constructs.local.root import RootKey

__all__ = ["find", "key_file", "remove", "remove_abandoned", "state_folder", "store"]


def state_folder() -> Path:
    """Return where this user's state is: `$XDG_STATE_HOME/cdp-constructs`, below `~/.local/state` by default."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / private_files.OWNER


def key_file(endpoint: str) -> Path:
    """Return the file with the key of the server at an endpoint."""
    return state_folder() / "servers" / f"{urlsplit(endpoint).port}.json"


def store(endpoint: str, key: RootKey, folder: Path) -> Path:
    """Write the file, and return it.

    Args:
        endpoint: The server's.
        key: Its key.
        folder: Its folder; the file is worth nothing without it.

    Raises:
        StartError: it cannot be written.
    """
    file = key_file(endpoint)
    document = {"endpoint": endpoint, "folder": str(folder), **asdict(key)}
    try:
        private_files.write(file, json.dumps(document, indent=2))
    except OSError as error:
        raise StartError(
            f"the key of the embedded cloud cannot be stored in {file.parent} ({error.strerror}); let XDG_STATE_HOME be"
            " a folder that you can write to"
        ) from error
    return file


def remove(file: Path, key: RootKey) -> None:
    """Remove the file, unless it has the key of another server by now, which got the same port."""
    try:
        if json.loads(file.read_text())["access_key_id"] == key.access_key_id:
            private_files.remove(file)
    except (OSError, ValueError, KeyError):
        return


def remove_abandoned() -> None:
    """Remove the keys of servers whose folders are gone."""
    for file in (state_folder() / "servers").glob("*.json"):
        try:
            if not Path(json.loads(file.read_text())["folder"]).exists():
                private_files.remove(file)
        except (OSError, ValueError, KeyError):  # gone meanwhile, or as another version wrote it
            continue


def find(endpoint: str) -> RootKey:
    """Return the key of the server at an endpoint.

    It is that of the file, or what the environment has when `AWS_ENDPOINT_URL` is the endpoint.

    Raises:
        StartError: there is none.
    """
    file, variables = key_file(endpoint), os.environ
    try:
        document = json.loads(file.read_text())
        return RootKey(document["access_key_id"], document["secret_access_key"])
    except (OSError, ValueError, KeyError) as error:
        # Keys that belong to another endpoint, which may be AWS, are not for this one.
        if variables.get("AWS_ENDPOINT_URL", "").rstrip("/") == endpoint and "AWS_SECRET_ACCESS_KEY" in variables:
            return RootKey(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        raise StartError(
            f"the key of the embedded cloud at {endpoint} cannot be read from {file}: another user started it, or with "
            "another XDG_STATE_HOME; give `credentials`, or set the variables that `cdp local up` printed "
            "(AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
        ) from error
