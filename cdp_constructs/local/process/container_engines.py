"""Finds the container engine of this machine, for `cdp local up --containers docker`."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.containers.engines import OF_USER, Engine, last_line
from cdp_constructs.local.errors import StartError

__all__ = ["find"]

_COMMANDS = ("docker", "podman")
_SECONDS = 20.0
_START = "start the engine, name its socket in DOCKER_HOST"
_LEAVE = "or leave out `--containers docker`"


def find() -> Engine:
    """Return Docker, or Podman where there is no command `docker`.

    Raises:
        StartError: there is none, it does not answer, or its containers do not have the network of this machine; the
            message is one line.
    """
    if not sys.platform.startswith("linux"):
        raise StartError(f"containers of an engine need the network of this machine, as on Linux; {_LEAVE[3:]}")
    command = next(filter(None, map(shutil.which, _COMMANDS)), None)
    if command is None:
        raise StartError(f"neither docker nor podman is on the PATH; install one, {_LEAVE}")
    engine = Engine(command, {name: os.environ[name] for name in OF_USER if name in os.environ})
    if problem := _problem(engine):
        raise StartError(f"{command}: {problem}, {_LEAVE}")
    return engine


def _problem(engine: Engine) -> str:
    """Return why an engine cannot be used, and what to do; nothing for one that can."""
    try:
        answer = engine.call("info", "--format", "{{json .}}", seconds=_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {_SECONDS:g} s; {_START}"
    except OSError as error:
        return f"{error.strerror}; install it again"
    if answer.returncode:
        return f"{last_line(answer.stderr).rstrip('.?')}; {_START}"
    try:
        return _unsuitable(json.loads(answer.stdout))
    except ValueError:
        return f"`info` answers {last_line(answer.stdout)[:80]!r}; use Docker 20.10 or Podman 4, or later ones"


def _unsuitable(described: Mapping[str, Any]) -> str:
    # Docker names its machine at the top, Podman under `host`.
    name = described.get("Name") or (described.get("host") or {}).get("hostname")
    if name != socket.gethostname():
        return f"it runs on {name}, whose network is not that of this machine; name a socket of here in DOCKER_HOST"
    if any("rootless" in each for each in described.get("SecurityOptions") or ()):
        return "Docker without root has a network of its own; use Podman, or Docker of root"
    return ""
