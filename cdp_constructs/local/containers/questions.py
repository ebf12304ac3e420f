"""What the hooks in containers ask the server: whether a connection is allowed, where it leads, and what a name means.

A question and its answer are a line of JSON each, over a socket that every user of this machine may connect to. It
tells nothing that a task could not find out by connecting.
"""

import json
import logging
import socketserver
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from cdp_constructs.local.kit.once import once

__all__ = ["PATH_VARIABLE", "answer_with", "socket_path"]

PATH_VARIABLE = "CDP_TASK_NETWORK"
"""The variable by which containers find the socket."""
_LONGEST = 65536
Answer: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
_answers: dict[str, Answer] = {}
_logger = logging.getLogger(__name__)


def answer_with(kind: str, answer: Answer) -> None:
    """Let a function answer the questions of a kind: it gets the question and returns the answer."""
    _answers[kind] = answer


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        answer: Mapping[str, Any] = {}
        try:
            question = json.loads(self.rfile.readline(_LONGEST))
            answer = _answers[question["ask"]](question)
        except Exception:
            # A container whose question fails goes on as if it had not asked.
            _logger.exception("a question of a container could not be answered")
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, _request: Any, _address: Any) -> None:
        """Do nothing: who asked has ended meanwhile."""


@once
def socket_path() -> Path:
    """Return the path of the socket, at which questions are answered from now on."""
    folder = Path(tempfile.mkdtemp(prefix="network-"))
    folder.chmod(0o711)
    path = folder / "socket"
    server = _Server(str(path), _Handler)
    path.chmod(0o666)
    threading.Thread(target=server.serve_forever, name="container-questions", daemon=True).start()
    return path
