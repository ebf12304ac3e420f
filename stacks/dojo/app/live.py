"""New messages to the people who are connected to this server."""

import asyncio
import json
import logging
import secrets
from collections import defaultdict
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from stacks.dojo.app.ports import PRESENT_SECONDS, FanOut, Store, UnavailableError

__all__ = ["Hub"]

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 5.0
_SEND_SECONDS = 10.0
_PAUSE = 1.0


@dataclass(eq=False)
class _Listener:
    socket: WebSocket
    person: str
    room: str
    number: int
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class Hub:
    """Sends each listener the messages of a room in their order, each once.

    A hint says that a room has more; without one the hub looks every five seconds. What is sent comes from the
    database.
    """

    store: Store
    fan_out: FanOut
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    _listeners: dict[str, set[_Listener]] = field(default_factory=lambda: defaultdict(set))
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    async def listen(self, socket: WebSocket, person: str, room: str, number: int) -> None:
        """Serve a connection until it ends.

        Args:
            socket: The connection, accepted.
            person: Whose it is.
            room: What is listened to.
            number: The last message that the client has.
        """
        listener = _Listener(socket, person, room, number)
        self._listeners[room].add(listener)
        try:
            await self._tell_presence()
            self._send_later(listener)
            while True:
                # Clients have nothing to say here; reading notices that they leave.
                await socket.receive_text()
        except (WebSocketDisconnect, KeyError):
            return
        finally:
            self._forget(listener)
            await self._tell_presence()

    async def run(self) -> None:
        """Serve until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._look())
            tasks.create_task(self._stay_present())

    async def _follow(self) -> None:
        async for hint in self.fan_out.hints():
            if hint is None:
                await self._catch_up()
            else:
                self._hear(hint.room, hint.number)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._catch_up()

    async def _catch_up(self) -> None:
        if not self._listeners:
            return
        try:
            for room, number in (await self.store.lasts(list(self._listeners))).items():
                self._hear(room, number)
        except UnavailableError as error:
            _LOG.warning("cannot look for messages: %s", error)

    def _hear(self, room: str, number: int) -> None:
        for listener in self._listeners.get(room, ()):
            if listener.number < number and not listener.busy.locked():
                self._send_later(listener)

    def _send_later(self, listener: _Listener) -> None:
        task = asyncio.create_task(self._send(listener))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, listener: _Listener) -> None:
        async with listener.busy:
            try:
                while found := await self.store.since(listener.room, listener.number):
                    for message in found:
                        text = json.dumps(message.as_json(), ensure_ascii=False)
                        await asyncio.wait_for(listener.socket.send_text(text), _SEND_SECONDS)
                        listener.number = message.number
            except UnavailableError as error:
                _LOG.warning("a listener waits: %s", error)
            except (RuntimeError, WebSocketDisconnect, OSError, TimeoutError):
                self._forget(listener)

    def _forget(self, listener: _Listener) -> None:
        listeners = self._listeners[listener.room]
        listeners.discard(listener)
        if not listeners:
            del self._listeners[listener.room]

    async def _tell_presence(self) -> None:
        people = {listener.person for listeners in self._listeners.values() for listener in listeners}
        try:
            await self.store.present(self.name, sorted(people))
        except UnavailableError as error:
            _LOG.warning("presence is not told: %s", error)

    async def _stay_present(self) -> None:
        while True:
            await asyncio.sleep(PRESENT_SECONDS / 3)
            await self._tell_presence()
