"""Stands for AWS IoT in property tests of the program of a device."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cdp_device.device import Device
from cdp_device.identity import Identity
from cdp_device.sensors import SimulatedHygrometer
from cdp_device.session import Session
from cdp_device.settings import Settings
from tests.properties.aws import UnreadableOutputError, strict_json
from tests.properties.inputs import written

THING = "s1"
COMMANDS = (f"cmd/sensors/home/{THING}/req", "cmd/sensors/home/all/req", "cmd/sensors/all/all/req")
RESPONSES = f"cmd/sensors/home/{THING}/res"
JOBS = f"$aws/things/{THING}/jobs"
SHADOW = f"$aws/things/{THING}/shadow"
CONFIGURATION = {
    "app": "sensors",
    "context": "home",
    "kind": "device",
    "template": "t",
    "renew_after_days": "30",
    "ingest": "climate=Climate,*=Rest",
}
LARGEST_MESSAGE = 128 * 1024


class Broker:
    """Stands for aiomqtt's client at AWS IoT: answers requests, and ends the connection of who publishes too much."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[Any], tuple[str, Any]]] = {
            f"{JOBS}/start-next": lambda _: ("accepted", {}),
            f"{SHADOW}/get": lambda _: ("accepted", {"state": {}}),
        }
        self.published: list[tuple[str, Any]] = []
        self.unreadable: list[UnreadableOutputError] = []
        self.progress = asyncio.Event()
        self._arriving: asyncio.Queue[Any] = asyncio.Queue()

    @property
    async def messages(self) -> AsyncIterator[Any]:
        while True:
            yield await self._arriving.get()

    async def subscribe(self, topic: str, *, qos: int) -> None:
        assert (topic.count("#"), qos) == (0, 1)

    async def publish(self, topic: str, payload: str, *, qos: int) -> None:
        assert qos == 1
        if len(payload.encode()) > LARGEST_MESSAGE:
            self.unreadable.append(UnreadableOutputError(f"{len(payload.encode())} bytes"))
            return
        try:
            document = strict_json(payload)
        except UnreadableOutputError as error:
            self.unreadable.append(error)
            return
        self.published.append((topic, document))
        self.progress.set()
        if topic in self.answers:
            outcome, answer = self.answers[topic](document)
            self.send(f"{topic}/{outcome}", answer if isinstance(answer, bytes) else written(answer).encode())

    def send(self, topic: str, payload: bytes) -> None:
        self._arriving.put_nowait(SimpleNamespace(topic=topic, payload=payload))

    def of(self, topic: str) -> list[Any]:
        return [document for name, document in self.published if name == topic]


@asynccontextmanager
async def connected(broker: Broker) -> AsyncIterator[Session]:
    client: Any = broker
    session = Session(client, patience=2)
    session.ended = asyncio.create_task(session.listen())
    try:
        yield session
    finally:
        session.ended.cancel()
        await asyncio.gather(session.ended, return_exceptions=True)


class Running:
    """A device that has received all it asks for at first."""

    def __init__(self, device: Device, session: Session, broker: Broker) -> None:
        self.device, self.session, self.broker = device, session, broker
        self._asked = 0

    async def is_well(self) -> None:
        """Whether the device still answers, after all that came before is worked on."""
        self._asked += 1
        name = f"check-{self._asked}"
        self.broker.send(COMMANDS[0], json.dumps({"session": name, "command": "ping"}).encode())
        async with asyncio.timeout(5):
            while name not in [answer["session"] for answer in self.broker.of(RESPONSES)]:
                self.broker.progress.clear()
                await self.broker.progress.wait()
        await self.session.finish()
        assert not self.broker.unreadable
        assert not self.session.ended.done()


@contextmanager
def loop_of(folder: Path, broker: Broker) -> Iterator[tuple[asyncio.Runner, Running]]:
    """Run a device, and return what runs coroutines beside it."""
    with asyncio.Runner() as runner:
        document = {
            "endpoint": "localhost",
            "ca_file": folder / "ca.pem",
            "claim_file": folder / "claim.pem",
            "template": "t",
            "serial_number": THING,
            "state_folder": folder / "state",
        }
        device = Device(Settings.model_validate(document), SimulatedHygrometer())
        stack = connected(broker)
        session = runner.run(stack.__aenter__())
        runner.run(device._subscribe(session, identity()))
        yield runner, Running(device, session, broker)
        runner.run(stack.__aexit__(None, None, None))
        device.outbox.close()


def identity() -> Identity:
    named = {"thing": THING, "certificate_id": "c", "certificate": "CERT", "key": "KEY", "issued_at": 0}
    return Identity.model_validate({**named, "configuration": CONFIGURATION})
