"""Starts and stops the embedded cloud's processes: own ports, own process group, own folder, nothing left behind."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from cdp_constructs.local.containers import engines
from cdp_constructs.local.containers.engines import Engine
from cdp_constructs.local.errors import StartError
from cdp_constructs.local.kit.node_sdk import VARIABLE as NODE_SDK_VARIABLE
from cdp_constructs.local.process import folders, node_sdk, root_keys
from cdp_constructs.local.process.environments import ServerEnvironment, find_server_environment
from cdp_constructs.local.process.server import DETACHED
from cdp_constructs.local.root import RootKey

__all__ = ["ServerProcess", "detach", "is_ready", "launch", "stop"]

_LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.02
_STOP_SECONDS = 10.0
_LOG_TAIL_LINES = 30
_LOG_NAME = "server.log"
_PACKAGE = Path(__file__).parents[2]

_guardians: dict[int, subprocess.Popen[bytes]] = {}
"""The guardians that this process started, by process id; they must be reaped here."""

# Keeping to these names keeps the user's credentials, profiles, proxies and AWS_ENDPOINT_URL out of the server, and
# settings meant for another MiniStack out of this one. A Redis of the user's own may stand behind ElastiCache.
_INHERITED = (
    *("PATH", "HOME", "XDG_CACHE_HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH"),
    *("REDIS_HOST", "REDIS_PORT"),
)
_WHERE_PACKAGES_ARE = ("PYTHONPATH", "PYTHONUSERBASE")
"""Inherited by a server that runs in this environment, and by no other."""


@dataclass(frozen=True)
class ServerProcess:
    """A running server.

    Attributes:
        endpoint: Base URL of the gateway, for example `http://127.0.0.1:41234`.
        mqtt_port: Port of the MQTT listener (mutual TLS), on the loopback address too.
        pid: Process id of the guardian; SIGTERM to it stops the server and removes the folder.
        folder: Everything that the server writes, its log `server.log` included.
    """

    endpoint: str
    mqtt_port: int
    pid: int
    folder: Path

    @property
    def log_file(self) -> Path:
        """Log of the server."""
        return self.folder / _LOG_NAME


def _free_port() -> int:
    with socket.create_server((_LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def _environment(server: ServerEnvironment, folder: Path, port: int, mqtt_port: int) -> dict[str, str]:
    names = (*_INHERITED, *(_WHERE_PACKAGES_ARE if server.is_own else ()))
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    return inherited | {
        "AUTH": "true",
        "BIND_HOST": _LOOPBACK,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_PORT": str(mqtt_port),
        "SFTP_ENABLED": "0",
        "SFTP_HOST": _LOOPBACK,
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "TMPDIR": str(folders.temporary_folder(folder)),
        # The same behaviour everywhere, and no container that could outlive the server.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        "LAMBDA_EXECUTOR": "local",
        NODE_SDK_VARIABLE: str(node_sdk.sdk_folder()),
        "LOG_LEVEL": "WARNING",
        # Functions get these too: no X-Ray listens here, and recording for nobody is a fifth of a function's start.
        "POWERTOOLS_TRACE_DISABLED": "true",
        "AWS_XRAY_SDK_ENABLED": "false",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def is_ready(endpoint: str, timeout: float = 5.0) -> bool:
    """Whether a MiniStack answers at the endpoint that it is ready.

    Args:
        endpoint: Base URL, for example `http://127.0.0.1:4566`.
        timeout: Seconds to wait for the answer.
    """
    address = endpoint.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _wait_until_ready(guardian: subprocess.Popen[bytes], server: ServerProcess, timeout: float, log: TextIO) -> None:
    deadline = time.monotonic() + timeout
    while not is_ready(server.endpoint, timeout=max(0.1, deadline - time.monotonic())):
        if guardian.poll() is not None or time.monotonic() > deadline:
            tail = "".join(log.readlines()[-_LOG_TAIL_LINES:]).rstrip()
            raise StartError(f"the embedded cloud did not start within {timeout:g} s; the end of its log:\n{tail}")
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _pipe_with(text: str) -> Iterator[int]:
    """Provide a pipe that a process reads a short text from: others can see arguments and environments, but no pipe."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as pipe:
        pipe.write(text)
    try:
        yield read
    finally:
        os.close(read)


def launch(*, port: int = 0, timeout: float = 30.0, engine: Engine | None = None) -> ServerProcess:
    """Start a server and wait until it is ready. It ends with this process, whatever ends that, unless detached.

    Args:
        port: Port of the gateway, 1 to 65535; 0 takes a free one.
        timeout: Seconds until a server that is not ready counts as failed.
        engine: What runs the containers of tasks; they are processes without one.

    Raises:
        StartError: no environment has what the server needs, the port is taken, its key cannot be stored, or the server
            did not become ready; the message has the end of its log.
    """
    python = find_server_environment()
    try:
        gateway = socket.create_server((_LOOPBACK, port))
    except OSError as error:
        raise StartError(f"port {port} of {_LOOPBACK} is not free ({error.strerror}); name another, or 0") from error
    folders.remove_abandoned()
    root_keys.remove_abandoned()
    folder = folders.make()
    log = folder / _LOG_NAME
    try:
        log.touch(mode=0o600)
        # Open from the start: the guardian removes the folder when the server ends by itself.
        with log.open(errors="replace") as reader:
            server = _start(python, folder, gateway, engine)
            try:
                _wait_until_ready(_guardians[server.pid], server, timeout, reader)
            except BaseException:
                stop(server)
                raise
    except BaseException:
        folders.remove(folder)
        raise
    return server


def _start(python: ServerEnvironment, folder: Path, gateway: socket.socket, engine: Engine | None) -> ServerProcess:
    """Start guardian and server."""
    # The server imports this library from here, and nothing else of this environment when it runs from another one.
    library = folder / "library"
    library.mkdir()
    (library / _PACKAGE.name).symlink_to(_PACKAGE)
    port, mqtt_port = gateway.getsockname()[1], _free_port()
    command = [str(python.python), "-m", "cdp_constructs.local.process.server", "--folder", str(folder)]
    command += ["--gateway-fd", str(gateway.fileno()), "--launcher", str(os.getpid())]
    endpoint, key = f"http://{_LOOPBACK}:{port}", RootKey.generate()
    command += ["--key-file", str(root_keys.store(endpoint, key, folder))]
    with (
        gateway,
        folders.held(folder) as lock,
        _pipe_with(json.dumps(asdict(key))) as key_pipe,
        (folder / _LOG_NAME).open("wb") as log,
    ):
        guardian = subprocess.Popen(  # noqa: S603  # our own module with our own arguments
            command,
            cwd=library,  # found there by `-m`, installed or not
            env=_environment(python, folder, port, mqtt_port)
            | ({engines.VARIABLE: engine.to_json()} if engine else {}),
            stdin=key_pipe,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[gateway.fileno(), lock],
            start_new_session=True,
        )
    _guardians[guardian.pid] = guardian
    return ServerProcess(endpoint, mqtt_port, guardian.pid, folder)


def detach(server: ServerProcess) -> None:
    """Let the server outlive the process that launched it; from then on only `stop` ends it."""
    (server.folder / DETACHED).touch()


def _is_running(pid: int) -> bool:
    """Whether there is such a process of this user."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _has_ended(server: ServerProcess) -> bool:
    guardian = _guardians.get(server.pid)
    if guardian is not None:
        return guardian.poll() is not None
    # Removing the folder is the last thing that the guardian of another program does; its process id may stay taken
    # until some init reaps it.
    return not server.folder.exists() or not _is_running(server.pid)


def stop(server: ServerProcess) -> None:
    """Stop the server with everything it started, and remove its folder. A server that is gone already is fine."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _has_ended(server):
            break
        os.kill(server.pid, number)
        deadline = time.monotonic() + _STOP_SECONDS
        while not _has_ended(server) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    _guardians.pop(server.pid, None)
    folders.remove(server.folder)
