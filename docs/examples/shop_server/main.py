"""A server that answers its health checks, and ends after SIGTERM when the last request is answered."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Shop(BaseHTTPRequestHandler):
    """Answers GET requests."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer the shallow check, the deep one, and everything else."""
        if self.path == "/health":
            self._answer(200, {"status": "ok"})
        elif self.path == "/health/deep":
            failing = [name for name in ("STOCK",) if os.environ.get(name) == "missing"]
            self._answer(503 if failing else 200, {"failing": failing})
        else:
            self._answer(200, {"release": os.environ.get("RELEASE", ""), "path": self.path})

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Write no line for each request."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("", 8080), Shop)
    server.daemon_threads = False
    # serve_forever() waits for nobody: shutdown() is called from another thread.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()
