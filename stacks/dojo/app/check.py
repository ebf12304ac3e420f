"""``python -m stacks.dojo.app.check``: ends with 0 when the server in the same container can do its work.

It runs every few seconds beside the server, on the CPU of the task, so that it imports next to nothing.
"""

import os
import socket
import sys

_SECONDS = 4.0
_REQUEST = b"GET /health/deep HTTP/1.0\r\nHost: localhost\r\n\r\n"


def is_well(port: int) -> bool:
    """Return whether the server says that its database answers.

    Args:
        port: Where it serves HTTP.
    """
    try:
        with socket.create_connection(("localhost", port), timeout=_SECONDS) as connection:
            connection.sendall(_REQUEST)
            with connection.makefile("rb") as answer:
                return answer.readline().split()[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_well(int(os.environ.get("CHAT_PORT", "8080"))) else 1)
