"""Gateway: the head of a response is sent together with the beginning of its body.

Hypercorn sends them one after the other. Every system call lets go of Python's lock, and getting it back is what a
server with many threads waits for.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import h11

from cdp_constructs.local.kit.patch import patch

_heads: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()
"""Heads of responses that have no body yet, by the protocol of their connection."""


@patch("hypercorn.protocol.h11:H11Protocol._send_h11_event")
async def _send(_original: Callable[..., Any], protocol: Any, event: Any) -> None:
    # Imported here: programs that use no server of their own have no Hypercorn.
    from hypercorn.events import RawData

    try:
        data: bytes = protocol.connection.send(event)
    except h11.LocalProtocolError:
        if protocol.connection.their_state != h11.ERROR:
            raise
        return
    if isinstance(event, h11.Response):
        _heads[protocol] = data
    else:
        await protocol.send(RawData(data=_heads.pop(protocol, b"") + data))
