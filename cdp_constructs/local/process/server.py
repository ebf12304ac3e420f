"""Entry point of the embedded cloud's processes, run by the launcher: `python -m cdp_constructs.local.process.server`.

Two processes come of it. The *guardian*, small and single-threaded, owns the folder and the process group of the
other one and ends both: when it is told to, when the server has gone, and when the process that launched it has gone,
however that happened. The *server* is MiniStack with the extensions of this package, and with it the workers that run
functions.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers import engines, groups
from cdp_constructs.local.process import folders, root_keys
from cdp_constructs.local.root import RootKey

_POLL_SECONDS = 0.05
_POLITE_STOP_SECONDS = 1.0
"""How long the server may take to end by itself: it keeps nothing that a harder stop would lose, and a function or a
custom resource that is under way can hold it for minutes."""

DETACHED = "detached"
"""File in the folder that lets the server outlive the process that launched it."""

_LOOPBACK = "127.0.0.1"


class _LoopbackEventLoop(asyncio.SelectorEventLoop):
    """Lets listeners open on the loopback address only: MiniStack's MQTT broker and database proxies ask for all."""

    async def create_server(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: Any = None, port: Any = None, **options: Any
    ) -> asyncio.Server:
        del host
        if options.get("sock") is not None:
            return await super().create_server(protocol_factory, **options)
        return await super().create_server(protocol_factory, _LOOPBACK, port, **options)


@dataclass(frozen=True)
class _Files:
    """What of a server is in the file system."""

    folder: Path
    key_file: Path
    key: RootKey

    def remove(self) -> None:
        groups.end(self.folder)  # what containers still run
        engines.end(self.folder)
        root_keys.remove(self.key_file, self.key)
        folders.remove(self.folder)


def _end_with_guardian(guardian: int, files: _Files) -> None:
    """Do in the server what the guardian would have done, in case it was killed."""
    while os.getppid() == guardian:
        time.sleep(_POLL_SECONDS)
    files.remove()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _serve(gateway: socket.socket, key: RootKey) -> None:
    """Run MiniStack on a socket that listens already, until SIGTERM."""
    # MiniStack reads its settings from the environment when it is imported, so nothing imports it earlier.
    from ministack.app import app
    from uvicorn import Config, Server

    from cdp_constructs.local.kit.root import use_root_key
    from cdp_constructs.local.process import extensions
    from cdp_constructs.local.process.protocol import InOwnContext, OneWriteProtocol, WithoutBody
    from cdp_constructs.local.services.cloudformation import garbage_collection
    from cdp_constructs.local.services.cloudfront.web_sockets import ViewerWebSockets
    from cdp_constructs.local.services.gateway.admission import Admission
    from cdp_constructs.local.services.gateway.names import LocalNames

    # Connections and pipes of workers come to more than the 256 files that macOS allows at first.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS names a limit that it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    use_root_key(key)
    extensions.install()
    garbage_collection.settle()
    config = Config(
        InOwnContext(WithoutBody(Admission(LocalNames(ViewerWebSockets(app))))),
        http=OneWriteProtocol,
        ws="websockets-sansio",
        ws_ping_interval=None,  # API Gateway and AppSync send none
        reset_contextvars=True,  # a request starts without what another one on its connection has set
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        date_header=False,  # MiniStack's application adds it
        access_log=False,
        log_level=os.environ.get("LOG_LEVEL", "WARNING").lower(),
        timeout_keep_alive=75,
        timeout_graceful_shutdown=0,
    )
    with asyncio.Runner(loop_factory=_LoopbackEventLoop) as runner:
        runner.run(Server(config).serve([gateway]))


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group of which only the zombie is left
        return False
    return True


def _end(server: int, files: _Files) -> None:
    """Stop the server's process group, politely then for good, and remove its files."""
    for number, patience in ((signal.SIGTERM, _POLITE_STOP_SECONDS), (signal.SIGKILL, _POLITE_STOP_SECONDS)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(server, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(server, os.WNOHANG)
            if not _group_exists(server):
                break
            time.sleep(_POLL_SECONDS)
    files.remove()


def _guard(server: int, files: _Files, launcher: int) -> int:
    """Wait for a reason to end, end everything, and return the exit code."""
    told = False

    def tell(_number: int, _frame: object) -> None:
        nonlocal told
        told = True

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGINT, tell)
    gone = 0
    while not told and not gone and (os.getppid() == launcher or (files.folder / DETACHED).exists()):
        gone, _ = os.waitpid(server, os.WNOHANG)
        time.sleep(_POLL_SECONDS)
    _end(server, files)
    return 1 if gone else 0


def main() -> int:
    """Fork the server, guard it, and return the exit code: 1 when the server ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m cdp_constructs.local.process.server", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of this server; removed at the end")
    parser.add_argument("--gateway-fd", type=int, required=True, help="inherited socket that listens already")
    parser.add_argument(
        "--key-file", type=Path, required=True, help="where clients find the root key; removed at the end"
    )
    parser.add_argument("--launcher", type=int, required=True, help="process id whose end ends the server")
    arguments = parser.parse_args()
    gateway = socket.socket(fileno=arguments.gateway_fd)
    files = _Files(arguments.folder, arguments.key_file, RootKey(**json.load(sys.stdin)))
    os.umask(0o077)  # what it writes is private, such as the keys that sign Cognito's tokens
    guardian = os.getpid()
    server = os.fork()
    if server == 0:
        os.setpgid(0, 0)
        threading.Thread(target=_end_with_guardian, args=(guardian, files), daemon=True).start()
        _serve(gateway, files.key)
        return 0
    with contextlib.suppress(OSError):  # both sides set it, so that neither can act before it holds
        os.setpgid(server, server)
    gateway.close()
    return _guard(server, files, arguments.launcher)


if __name__ == "__main__":
    sys.exit(main())
