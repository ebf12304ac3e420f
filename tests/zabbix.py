"""A stand-in for a Zabbix server, which takes values of the sender protocol and answers as a test says."""

import contextlib
import json
import socketserver
import struct
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["StandIn", "packet", "stand_in"]

_HEADER = 13


def packet(answer: object) -> bytes:
    """Return an answer as Zabbix sends it; bytes as they are, without a header."""
    if isinstance(answer, bytes):
        return answer
    body = json.dumps(answer).encode()
    return b"ZBXD\x01" + struct.pack("<II", len(body), 0) + body


class StandIn(socketserver.ThreadingTCPServer):
    """Takes values for the items that it has; every one without a list.

    Attributes:
        packets: The values of each packet.
        items: Keys of items; None takes all.
        answer: What it answers whatever comes; None answers as Zabbix does.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Packets)
        self.packets: list[list[dict[str, Any]]] = []
        self.items: set[str] | None = None
        self.answer: object = None

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Packets(socketserver.StreamRequestHandler):
    server: StandIn

    def handle(self) -> None:
        magic, size, reserved = struct.unpack("<5sII", self.rfile.read(_HEADER))
        assert (magic, reserved) == (b"ZBXD\x01", 0)
        request = json.loads(self.rfile.read(size))
        assert request["request"] == "sender data"
        self.server.packets.append(request["data"])
        taken = sum(self.server.items is None or value["key"] in self.server.items for value in request["data"])
        total = len(request["data"])
        info = f"processed: {taken}; failed: {total - taken}; total: {total}; seconds spent: 0.000042"
        answer = self.server.answer
        self.wfile.write(packet({"response": "success", "info": info} if answer is None else answer))


@contextlib.contextmanager
def stand_in() -> Iterator[StandIn]:
    """Run one."""
    with StandIn() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
