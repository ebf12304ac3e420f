"""Finds the Python environment that the embedded cloud's server runs from.

The server needs exact versions of MiniStack and boto3, which an application must not have to take over. So it runs from
any environment that has them, and imports this library from where the application has it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from cdp_constructs._version import __version__
from cdp_constructs.local.errors import StartError

__all__ = ["VARIABLE", "ServerEnvironment", "extras", "find_server_environment", "installation_folder", "pin_file"]

VARIABLE = "CDP_LOCAL_PYTHON"
"""Environment variable that names the server's interpreter and is asked before anything else."""

_PINS = Path(__file__).with_name("pins")
_EXACT = ("ministack", "boto3", "botocore")
_PRESENT = (
    "airspeed",
    "aws-lambda-powertools",
    "cryptography",
    "jmespath",
    "jsonpath-ng",
    "pydantic",
    "pyjwt",
    "uvicorn",
)

_VERSIONS = """
import json, sys
from importlib import metadata
versions = {}
for name in sys.argv[1:]:
    try:
        versions[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(versions))
"""


@dataclass(frozen=True)
class ServerEnvironment:
    """A Python environment that has what the server needs.

    Attributes:
        python: Its interpreter.
        is_own: Whether it is the one that this process runs in.
    """

    python: Path
    is_own: bool


def pin_file(name: str) -> Path:
    """Return the file with exact versions and hashes of what the server needs, `server` or one of the `extras`."""
    return _PINS / f"{name}.txt"


def extras() -> tuple[str, ...]:
    """Return the names of what can be installed beside the server."""
    return tuple(sorted(file.stem for file in _PINS.glob("*.txt") if file.stem != "server"))


def installation_folder() -> Path:
    """Return where `cdp local install` puts the environment of this version, whether it is there or not.

    `$XDG_DATA_HOME/cdp-constructs/local/<version>-<digest of the pinned versions>`; without the variable below
    `~/.local/share`, on macOS below `~/Library/Application Support`.
    """
    default = Path.home() / ("Library/Application Support" if sys.platform == "darwin" else ".local/share")
    pins = b"".join(file.read_bytes() for file in sorted(_PINS.glob("*.txt")))
    home = Path(os.environ.get("XDG_DATA_HOME") or default)
    return home / "cdp-constructs" / "local" / f"{__version__}-{sha256(pins).hexdigest()[:8]}"


def find_server_environment() -> ServerEnvironment:
    """Return the first of these that has the versions that this version of the library needs.

    1. The interpreter that the environment variable `CDP_LOCAL_PYTHON` names; no other is looked for then.
    2. The environment of this process, with the extra `[local]`.
    3. The one that `cdp local install` made for this user and version.
    4. The one of the command `cdp` on the `PATH`, where `uv tool install` or `pipx install` put it with `[local]`.

    Raises:
        StartError: there is none, or the one that the variable names does not have them; the message is one line.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        if problem := _problem(_versions_of(Path(chosen))):
            raise StartError(f"{VARIABLE} is {chosen}, and {problem}; name another interpreter or unset it")
        return ServerEnvironment(Path(chosen), is_own=False)
    problem = _problem(_own_versions())
    if not problem:
        return ServerEnvironment(Path(sys.executable), is_own=True)
    installed = installation_folder() / "bin" / "python"
    if installed.exists():
        return ServerEnvironment(installed, is_own=False)
    tool = _python_of_command()
    if tool and not _problem(_versions_of(tool)):
        return ServerEnvironment(tool, is_own=False)
    raise StartError(
        f"no Python environment for the embedded cloud's server: here {problem}; run `cdp local install` once, which "
        "changes nothing here"
    )


@cache
def _pins() -> Mapping[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", pin_file("server").read_text(), re.MULTILINE))


def _problem(versions: Mapping[str, str]) -> str:
    """Return why an environment does not fit, empty when it does."""
    for name in (*_EXACT, *_PRESENT):
        if name not in versions:
            return f"{name} is not installed"
        if name in _EXACT and versions[name] != _pins()[name]:
            return f"{name} is {versions[name]} where the server needs {_pins()[name]}"
    return ""


def _own_versions() -> Mapping[str, str]:
    versions = {}
    for name in (*_EXACT, *_PRESENT):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _versions_of(python: Path) -> Mapping[str, str]:
    command: Sequence[str] = [str(python), "-I", "-c", _VERSIONS, *_EXACT, *_PRESENT]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)  # noqa: S603  # see above
        versions: Mapping[str, str] = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):  # not an interpreter
        return {}
    return versions


def _python_of_command() -> Path | None:
    """Return the interpreter beside the command `cdp`; uv and pipx link it into a folder of the `PATH`."""
    command = shutil.which("cdp")
    if command is None:
        return None
    python = Path(command).resolve().with_name("python")
    return python if python.exists() else None
