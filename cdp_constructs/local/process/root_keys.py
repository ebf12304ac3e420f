"""Where this user's clients find the root key of a running server: a folder per user, a file per port.

The file exists as long as the server: `$XDG_STATE_HOME/cdp-constructs/servers/<port>.json`, readable for the user only.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from cdp_constructs.local.errors import StartError
from cdp_constructs.local.root import RootKey

__all__ = ["find", "key_file", "remove", "state_folder", "store"]


def state_folder() -> Path:
    """Return where this user's state is: `$XDG_STATE_HOME/cdp-constructs`, below `~/.local/state` by default."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "cdp-constructs"


def key_file(endpoint: str) -> Path:
    """Return the file with the key of the server at an endpoint."""
    return state_folder() / "servers" / f"{urlsplit(endpoint).port}.json"


def store(endpoint: str, key: RootKey) -> Path:
    """Write the file, and return it.

    Raises:
        StartError: it cannot be written.
    """
    file = key_file(endpoint)
    unfinished = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.parent.chmod(0o700)
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            json.dump({"endpoint": endpoint, **asdict(key)}, opened, indent=2)
        unfinished.replace(file)
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
            file.unlink(missing_ok=True)
    except (OSError, ValueError, KeyError):
        return


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
