"""ElastiCache: the Valkey servers of nodes."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cdp_constructs.local.containers import addresses, docker, valkey
from cdp_constructs.local.containers.processes import Container, Spec
from cdp_constructs.local.services.lambda_ import folders, sandboxes

__all__ = ["start"]

_STOP_SECONDS = 2
_READY_SECONDS = 15
_POLL_SECONDS = 0.1
_engine = docker.Engine()


def start(
    name: str, labels: Mapping[str, str], options: Callable[[str], list[str]], known: valkey.Credentials
) -> docker.DockerContainer:
    """Start a server, and wait until it answers.

    Args:
        name: What its container is called.
        labels: What its container is labelled with.
        options: Gets the address at which it listens, and returns its options.
        known: What it lets this cloud in by.

    Raises:
        RuntimeError: Valkey is not installed, or has not started in time.
    """
    program = valkey.program()
    if program is None:
        raise RuntimeError(valkey.MISSING)
    address = addresses.take()
    spec = Spec(
        command=[str(folders.readable(program)), *options(address)],
        folder=Path("/"),
        environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        address=address,
        user=sandboxes.sandbox(f"elasticache:{name}").user,
        stop_seconds=_STOP_SECONDS,
        labels=labels,
    )
    container = Container(spec, Path(os.environ["STATE_DIR"]).parent, in_home=True)
    started = _engine.add(container, name, lambda gone: addresses.give_back(gone.container.spec.address))
    started.start()
    deadline = time.monotonic() + _READY_SECONDS
    while not valkey.is_ready(address, known):
        if started.status != "running" or time.monotonic() > deadline:
            log = container.log.read_text(errors="replace")[-500:]
            started.remove()
            raise RuntimeError(f"Valkey did not start: {log}")
        time.sleep(_POLL_SECONDS)
    return started
