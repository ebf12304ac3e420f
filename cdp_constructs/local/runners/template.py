"""The process that `forks` forks programs from: it has imported the modules that most functions import.

Usage: `python -P template.py <file descriptor of a socket> <folder of packages>…`. It sends the names of the packages
that it has imported, as a list in JSON, and then answers requests. A request is the path of a JSON file with the
program's script, folder, environment, mounts and user, together with three descriptors for its standard streams; the
answer is the process id, with a descriptor of the process. It ends when the other end of the socket is closed.
"""

import gc
import importlib
import json
import os
import runpy
import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_MODULES = (
    "aws_lambda_powertools.event_handler.openapi.params",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "boto3.dynamodb.conditions",
    "uuid",
)
_SERVICES = ("dynamodb", "lambda", "s3", "secretsmanager", "sns", "sqs")
"""Whose descriptions are read from their files here, once, and not in every worker."""
_REAP_SECONDS = 1.0
_MOUNTS: Any = runpy.run_path(str(Path(__file__).with_name("mounts.py")))


def _preload() -> list[str]:
    for name in _MODULES:
        # What is not installed here is not imported by functions either, or comes with their code.
        with suppress(ImportError):
            importlib.import_module(name)
    with suppress(ImportError):
        _prepare_sdk()
    loaded = {name.partition(".")[0] for name in sys.modules}
    return sorted(loaded - sys.stdlib_module_names - {"__main__"})


def _prepare_sdk() -> None:
    import boto3

    sdk: Any = runpy.run_path(str(Path(__file__).with_name("sdk.py")))
    sdk["keep_descriptions"]()
    sdk["keep_user_agents"]()
    sdk["read_headers_directly"]()
    # Not the default session: functions make their own, from their own environment.
    session: Any = boto3.session.Session("none", "none", region_name="us-east-1")
    for service in _SERVICES:
        session.client(service)
    session.resource("dynamodb")


def _become_worker(request: dict[str, Any], streams: list[int]) -> None:
    """Do in the forked process what a new interpreter does with a script; never returns."""
    code = 1
    try:
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _MOUNTS["enter"](request["mounts"], request["user"])
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        os.chdir(request["folder"])
        script = request["script"]
        sys.argv = [script]
        sys.path.insert(0, str(Path(script).parent))
        runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as an interpreter ends: the report goes where the server reads it
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(Exception):
            sys.stdout.flush()
        os._exit(code)


def _serve(channel: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([channel], [], [], _REAP_SECONDS)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not ready:
            continue
        path, streams, _, _ = socket.recv_fds(channel, 4096, 3)
        if not path:
            return
        request = json.loads(Path(path.decode()).read_bytes())
        worker = os.fork()
        if worker == 0:
            channel.close()
            _become_worker(request, streams)
        for descriptor in streams:
            os.close(descriptor)
        handle = os.pidfd_open(worker)
        socket.send_fds(channel, [str(worker).encode()], [handle])
        os.close(handle)


def main() -> None:
    """Import, send the names of what was imported, and serve until the other end is closed."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    sys.path += sys.argv[2:]
    names = _preload()
    gc.collect()
    gc.freeze()  # so that collections in the workers leave alone, and shared, what all have
    channel.sendall(json.dumps(names).encode())
    _serve(channel)


if __name__ == "__main__":
    main()
