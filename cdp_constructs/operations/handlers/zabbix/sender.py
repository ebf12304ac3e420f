"""The sender protocol of Zabbix: values for trapper items, in packets with a header and JSON.

https://www.zabbix.com/documentation/6.0/en/manual/appendix/protocols/zabbix_sender
"""

import json
import re
import socket
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pydantic_core import from_json

__all__ = ["NoAnswerError", "Sender", "Value"]

_HEADER = struct.Struct("<4sBII")
_MAGIC, _PLAIN = b"ZBXD", 1
_SECONDS = 5.0
"""For connecting, and for each part of an answer."""
_LARGEST_ANSWER = 65_536
_MOST_VALUES = 250
"""In one packet, as many as zabbix_sender puts there."""
_FAILED = re.compile(r"failed: (\d+)")


class NoAnswerError(OSError):
    """What answered does not speak the protocol, or refuses the packet."""


@dataclass(frozen=True)
class Value:
    """A value of a trapper item.

    Attributes:
        host: Technical name of the host.
        key: Key of the item.
        value: The value; Zabbix turns it into the item's type.
        clock: When it was so, in seconds since 1970.
    """

    host: str
    key: str
    value: str
    clock: int


class Sender:
    """A Zabbix server or proxy."""

    def __init__(self, address: str, port: int) -> None:
        """Send to an address and a port."""
        self._place = (address, port)

    def send(self, values: Sequence[Value]) -> int:
        """Send values, and return how many Zabbix has not taken: it has no such item, or takes nothing from here.

        Raises:
            OSError: when it cannot be reached, or gives no answer of the protocol.
        """
        parts = [values[first : first + _MOST_VALUES] for first in range(0, len(values), _MOST_VALUES)]
        return sum(self._send(part) for part in parts)

    def _send(self, values: Sequence[Value]) -> int:
        request = {"request": "sender data", "data": [asdict(value) for value in values]}
        body = json.dumps(request).encode()
        with socket.create_connection(self._place, _SECONDS) as connection:
            connection.sendall(_HEADER.pack(_MAGIC, _PLAIN, len(body), 0) + body)
            magic, flags, size, _ = _HEADER.unpack(_read(connection, _HEADER.size))
            if (magic, flags) != (_MAGIC, _PLAIN) or size > _LARGEST_ANSWER:
                raise NoAnswerError("an answer that is not of Zabbix's protocol")
            return _failed(_read(connection, size))


def _failed(body: bytes) -> int:
    """Return how many values an answer says were not taken."""
    try:
        answer = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise NoAnswerError("an answer that is no JSON") from error
    if not isinstance(answer, dict) or answer.get("response") != "success":
        raise NoAnswerError(f"Zabbix refused the packet: {str(answer)[:200]}")
    found = _FAILED.search(str(answer.get("info", "")))
    if found is None:
        raise NoAnswerError("an answer that does not say how many values were taken")
    return int(found[1])


def _read(connection: socket.socket, size: int) -> bytes:
    """Read so many bytes."""
    read = bytearray()
    while len(read) < size:
        part = connection.recv(size - len(read))
        if not part:
            raise NoAnswerError("the connection was closed before the end of the answer")
        read += part
    return bytes(read)
