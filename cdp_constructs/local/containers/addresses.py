"""Loopback addresses for tasks and servers, so that each may listen on the port that it has on AWS.

Those of one embedded cloud begin with the port of its gateway, so that two of them never share an address. A system
that has only 127.0.0.1, as macOS has, is refused.
"""

import os
import socket
from threading import Lock

from cdp_constructs.local.errors import LocalCloudError

__all__ = ["give_back", "take"]

_LAST = range(2, 255)
_taken: set[str] = set()
_choosing = Lock()


def take() -> str:
    """Return an address that nothing else uses, for example `127.160.12.2`.

    Raises:
        LocalCloudError: all are taken, or the system has no other address than 127.0.0.1.
    """
    port = int(os.environ.get("GATEWAY_PORT", "4566"))
    with _choosing:
        for last in _LAST:
            address = f"127.{port >> 8}.{port & 0xFF}.{last}"
            if address not in _taken:
                _refuse_if_unknown(address)
                _taken.add(address)
                return address
    raise LocalCloudError(f"no more than {len(_LAST)} tasks, databases and caches run at a time")


def give_back(address: str) -> None:
    """Let another use the address."""
    with _choosing:
        _taken.discard(address)


def _refuse_if_unknown(address: str) -> None:
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError as error:
        raise LocalCloudError(f"this system cannot use the loopback address {address}: {error}") from error
