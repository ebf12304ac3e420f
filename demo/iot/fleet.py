"""Many devices in one process: the real device program, each with sensors that are simulated."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiomqtt

from cdp_constructs.local import MqttEndpoint
from cdp_device import Device, Settings
from cdp_device.sensors import Hardware, SimulatedChair, SimulatedHygrometer
from cdp_device.session import RejectedError, Session

# Each claim is a certificate to be signed and a function to be asked.
_AT_A_TIME = 4
_TRIES, _PAUSE_SECONDS = 8, 2.0


_DRY_PER_CENT = 2.0
_DAMPER_PER_CENT = 20.0


class Room(SimulatedHygrometer):
    """A room that somebody can heat, whose air can be dry, and whose sensor can fail."""

    heat = 0.0
    """Degrees more than usual."""
    is_dry = False
    """Whether there is next to no humidity beside what a humidifier makes."""
    is_broken = False
    """Whether the sensor does not answer."""
    is_humidified = False
    """Whether the humidifier runs."""

    def read(self) -> Mapping[str, float]:
        """Measure."""
        if self.is_broken:
            raise OSError("no answer on the bus")
        measured = super().read()
        temperature, humidity = round(measured["temperature"] + self.heat, 2), measured["humidity"]
        if self.is_dry:
            humidity = _DRY_PER_CENT + (_DAMPER_PER_CENT if self.is_humidified else 0)
        return {"temperature": temperature, "humidity": humidity}

    def switch(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Switch the humidifier."""
        done = super().switch(state)
        self.is_humidified = bool(done.get("humidifier", self.is_humidified))
        return done


class Desk(SimulatedChair):
    """A chair at a desk, whose lamp can be seen."""

    is_lit = False
    """Whether the lamp is on."""

    def switch(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Switch the lamp."""
        done = super().switch(state)
        self.is_lit = bool(done.get("lamp", self.is_lit))
        return done


@dataclass
class Diary:
    """What a device did, also after its process ended."""

    measured: list[str] = field(default_factory=list)
    """The ids of its measurements."""
    identified: list[str] = field(default_factory=list)
    """Why it was commanded to identify itself, each time."""


class Member(Device):
    """A device that keeps a diary, knows one command more, and can be made to rest."""

    def __init__(self, settings: Settings, hardware: Hardware, diary: Diary) -> None:
        """Prepare; see ``Device``."""
        super().__init__(settings, hardware, first_pause=0.2)
        self.hardware = hardware
        self.resting = False
        self.most: int | None = None
        """After so many measurements it rests."""
        self._diary = diary
        self.commands["identify"] = self._identify

    def measure(self) -> Mapping[str, Any]:
        """Measure once, unless it rests."""
        if self.resting or len(self._diary.measured) == self.most:
            return {}
        message = super().measure()
        self._diary.measured.append(message["message_id"])
        return message

    def begin(self) -> None:
        """Measure now, and every interval from now on."""
        self.resting = False
        self._interval_changed.set()

    async def _identify(self, session: Session, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        del session
        self._diary.identified.append(str(arguments.get("why", "")))
        return {"thing": self.settings.serial_number}


async def _identity(member: Member) -> None:
    """Let a device claim its identity; as its program does, it asks again when the hook or the broker was too slow."""
    for _ in range(_TRIES - 1):
        try:
            await member.identity()
        except RejectedError as error:
            if error.is_final:
                raise
        except (aiomqtt.MqttError, TimeoutError):
            pass
        else:
            return
        # A hook that still runs for the earlier claim would refuse this one.
        await asyncio.sleep(_PAUSE_SECONDS)
    await member.identity()


class Fleet:
    """Devices of some sites; a context manager that stops them.

    Attributes:
        members: The devices by serial number, running or not.
        diaries: What they did.
    """

    def __init__(
        self,
        folder: Path,
        endpoint: MqttEndpoint,
        template: str,
        claim: str,
        *,
        interval_seconds: float,
        catch_up_seconds: float = Settings.model_fields["catch_up_seconds"].default,
    ) -> None:
        """Prepare; no device is made yet.

        Args:
            folder: Keeps what the devices keep.
            endpoint: Where they connect.
            template: Name of the provisioning template.
            claim: PEM of the claim certificate and its key.
            interval_seconds: Between measurements.
            catch_up_seconds: How long a device that gathers waits at most before it sends what an outage made late.
        """
        self._folder = folder
        self._common: dict[str, Any] = {
            "endpoint": endpoint.host,
            "port": endpoint.port,
            "ca_file": folder / "ca.pem",
            "claim_file": folder / "claim.pem",
            "template": template,
            "interval_seconds": interval_seconds,
            "catch_up_seconds": catch_up_seconds,
        }
        (folder / "ca.pem").write_text(endpoint.ca)
        (folder / "claim.pem").write_text(claim)
        (folder / "claim.pem").chmod(0o600)
        # A device logs that it found no connection; here that is part of the demonstration.
        logging.getLogger("cdp_device").setLevel(logging.ERROR)
        self.members: dict[str, Member] = {}
        self.diaries: dict[str, Diary] = defaultdict(Diary)
        self._running: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all devices."""
        await self.stop(list(self._running))

    @property
    def running(self) -> set[str]:
        """The devices that run."""
        return set(self._running)

    def settings(self, serial_number: str) -> Settings:
        """Return the settings that a device leaves the factory with."""
        return Settings(**self._common, serial_number=serial_number, state_folder=self._folder / serial_number)

    def make(self, serial_number: str, kind: str) -> Member:
        """Make a device, or make it anew as after a power cut; ``kind`` is ``hygrometer`` or ``chair``."""
        hardware: Hardware = Room(serial_number) if kind == "hygrometer" else Desk(serial_number)
        member = Member(self.settings(serial_number), hardware, self.diaries[serial_number])
        self.members[serial_number] = member
        return member

    async def join(self, serial_numbers: Iterable[str]) -> None:
        """Let devices claim their identities, some at a time.

        Raises:
            Exception: what the first one met that was refused or got no answer.
        """
        limit = asyncio.Semaphore(_AT_A_TIME)

        async def one(member: Member) -> None:
            async with limit:
                await _identity(member)

        joining = (one(self.members[serial_number]) for serial_number in serial_numbers)
        for outcome in await asyncio.gather(*joining, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def start(self, serial_numbers: Iterable[str], *, within: float = 60) -> None:
        """Run devices, and wait until all are connected.

        Raises:
            TimeoutError: when they are not in time.
        """
        started = list(serial_numbers)
        for serial_number in started:
            self._running[serial_number] = asyncio.create_task(self.members[serial_number].run())
        connected = asyncio.gather(*(self.members[serial_number].connected.wait() for serial_number in started))
        await asyncio.wait_for(connected, within)

    async def rest(self, serial_numbers: Iterable[str], *, within: float = 60) -> None:
        """Let devices stop measuring, and wait until the broker has all their measurements.

        Raises:
            TimeoutError: when it has not in time.
        """
        resting = [self.members[serial_number] for serial_number in serial_numbers]
        for member in resting:
            member.resting = True
        async with asyncio.timeout(within):
            # Devices are not changed for the sake of being watched, so they are asked.
            while any(len(member.outbox) for member in resting):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def stop(self, serial_numbers: Iterable[str]) -> None:
        """Stop devices, as if their power were cut."""
        tasks = [self._running.pop(serial_number) for serial_number in serial_numbers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
