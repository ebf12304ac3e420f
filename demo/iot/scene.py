"""The steps of the demonstration: each method is one, and returns what was seen."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import aiomqtt

from cdp_device.provisioning import claim
from cdp_device.session import RejectedError, connect
from demo.iot.fleet import Fleet, Room
from demo.iot.operator import Operator
from demo.report import StepFailed, expect

T = TypeVar("T")

DEVICES = 50
LIVE_SECONDS = 30
SITES = ("home", "factory")
_INTERVAL_SECONDS = 1.0
_DEAD, _SLEEPER, _HOT, _BROKEN = "home-25", "home-24", "home-01", "factory-01"


def kind_of(serial_number: str) -> str:
    """Return what a device is: odd numbers are hygrometers, even ones chairs."""
    return "hygrometer" if int(serial_number.rpartition("-")[2]) % 2 else "chair"


async def eventually(look: Callable[[], T | None], *, within: float, what: str) -> T:
    """Look again, beside the devices, until something is there.

    Raises:
        StepFailed: when it did not come in time.
    """
    deadline = time.monotonic() + within
    while True:
        found = await asyncio.to_thread(look)
        if found:
            return found
        if time.monotonic() > deadline:
            raise StepFailed(f"{what} did not come within {within:g} s")
        await asyncio.sleep(0.2)


class Scene:
    """The system with its operator and its devices; a context manager that stops the devices."""

    def __init__(self, operator: Operator, folder: Path) -> None:
        """Prepare."""
        self.operator = operator
        self.serials = [f"{site}-{number:02}" for site in SITES for number in range(1, DEVICES // len(SITES) + 1)]
        self.fleet = Fleet(
            folder,
            operator.cloud.mqtt(),
            operator.outputs["ProvisioningTemplate"],
            operator.issue_claim(),
            interval_seconds=_INTERVAL_SECONDS,
        )
        self._ends = 0.0
        self._dead_session = ""

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all devices."""
        await self.fleet.stop(self.fleet.running)

    # --- devices claim identities

    async def join(self) -> str:
        """Let all devices claim their identities."""
        kinds = {serial: (serial.partition("-")[0], kind_of(serial)) for serial in self.serials}
        await asyncio.to_thread(self.operator.allow, kinds)
        for serial in self.serials:
            self.fleet.make(serial, kind_of(serial))
        started = time.perf_counter()
        await self.fleet.join(self.serials)
        seconds = time.perf_counter() - started
        statuses = await asyncio.to_thread(self.operator.statuses)
        expect(statuses == {"pending": DEVICES}, f"statuses {dict(statuses)}")
        return f"{DEVICES} identities in {seconds:.1f} s; pending until each is used"

    async def join_unlisted(self) -> str:
        """Claim with a serial number that is not on the allow-list."""
        try:
            await claim(self.fleet.settings("stranger-01"))
        except RejectedError as refusal:
            expect(refusal.code == "AccessDenied", f"{refusal}")
            return f"refused: {refusal.code}"
        raise StepFailed("it got an identity")

    async def impersonate(self) -> str:
        """Let a device publish a measurement as another one."""
        identity = self.fleet.members[_HOT].store.current()
        expect(identity, "the device has no identity")
        assert identity is not None  # noqa: S101 - for mypy
        topic = identity.configuration.telemetry_topic("home-03", "climate")
        pem = self.fleet.members[_HOT].store.pem_file(identity)
        cut_off = False
        with suppress(aiomqtt.MqttError):
            async with connect(self.fleet.settings(_HOT), _HOT, pem, patience=3) as session:
                try:
                    await session.publish(topic, {"message_id": "forged", "at": 1, "temperature": 99})
                    done, _ = await asyncio.wait({session.ended}, timeout=2)
                    cut_off = bool(done)
                except aiomqtt.MqttError:
                    cut_off = True
        expect(cut_off, "the connection lived on")
        received = await asyncio.to_thread(self.operator.latest, ["home-03"])
        expect(not received, "the speed layer received it")
        return "the connection was ended; the speed layer has nothing of home-03"

    # --- devices at work

    async def start(self) -> str:
        """Run all but the one that is dead; stop one after it has measured."""
        alive = [serial for serial in self.serials if serial != _DEAD]
        await self.fleet.start(alive)
        self._ends = time.monotonic() + LIVE_SECONDS
        await self._put_to_sleep()
        statuses = await eventually(
            lambda: found if (found := self.operator.statuses())["active"] == len(alive) else None,
            within=30,
            what="the use of every identity",
        )
        return f"{len(alive)} connected, {statuses['active']} identities in use; {_SLEEPER} fell asleep"

    async def _put_to_sleep(self) -> None:
        await eventually(lambda: bool(self.fleet.diaries[_SLEEPER].measured), within=10, what="a measurement")
        await self.fleet.rest([_SLEEPER])
        await self.fleet.stop([_SLEEPER])

    async def command(self) -> str:
        """Command one device, and see its response."""
        started = time.perf_counter()
        sent = await self._command(operation="send", thing="factory-03", command="ping", arguments={"n": 1})
        answer = await eventually(lambda: self._ended(sent["session"]), within=20, what="a response")
        milliseconds = 1000 * (time.perf_counter() - started)
        expect(answer["status"] == "succeeded" and answer["result"]["n"] == 1, f"{answer}")
        return f"succeeded in {milliseconds:.0f} ms: {answer['result']}"

    async def command_the_dead(self) -> str:
        """Command a device that is not connected."""
        sent = await self._command(operation="send", thing=_DEAD, command="ping")
        self._dead_session = sent["session"]
        return f"{sent['status']}; its end is looked at below"

    async def command_timed_out(self) -> str:
        """See the end of the command to the dead device."""
        answer = await eventually(lambda: self._ended(self._dead_session), within=60, what="the time-out")
        expect(answer["status"] == "timed_out", f"{answer}")
        return f"{answer['status']}, for {answer['thing']}"

    async def broadcast(self) -> str:
        """Command all devices of the factory."""
        answer = await asyncio.to_thread(
            self.operator.broadcast,
            operation="broadcast",
            command="identify",
            context="factory",
            arguments={"why": "b"},
        )
        expect("session" in answer, f"{answer}")
        factory = {serial for serial in self.fleet.running if serial.startswith("factory")}
        await eventually(lambda: self._identified() >= factory, within=20, what="the broadcast everywhere")
        await asyncio.sleep(0.5)
        received = self._identified()
        expect(received == factory, f"received by {sorted(received)}")
        return f"received by {len(received)} of {len(factory)} at the factory, 0 at home"

    async def desire(self) -> str:
        """Set another interval as the desired state of a sleeping device."""
        await self._command(operation="desire", thing=_SLEEPER, state={"interval_seconds": 0.5})
        state = await self._command(operation="state", thing=_SLEEPER)
        expect(state["delta"] == {"interval_seconds": 0.5}, f"{state}")
        return f"delta {state['delta']}; reported {state['reported']}"

    async def wake(self) -> str:
        """Start the sleeping device again, and see that it has the desired state."""
        self.fleet.make(_SLEEPER, kind_of(_SLEEPER))
        await self.fleet.start([_SLEEPER])
        state = await eventually(self._sleeper_in_time, within=20, what="the desired state")
        return f"reported {state['reported']}, no delta"

    async def heat(self) -> str:
        """Heat a room beyond the threshold, and see who receives the alert."""
        self._room.heat = 20
        alert = await eventually(lambda: self._alert("crossed"), within=20, what="the operator's alert")
        await eventually(lambda: self._ticket() == "open", within=20, what="the ticket")
        await eventually(lambda: self._archived("crossed"), within=20, what="the archived alert")
        counts = (len(self._alerts("crossed")), 1, await asyncio.to_thread(self._archived, "crossed"))
        expect(counts == (1, 1, 1), f"operator, ticket, archive: {counts}")
        late = time.time() * 1000 - alert["at"]
        return f"{alert['threshold']} at {alert['value']} °C: operator 1, ticket open, archive 1, within {late:.0f} ms"

    async def cool(self) -> str:
        """Cool the room down."""
        self._room.heat = 0
        await eventually(lambda: self._ticket() == "closed", within=20, what="the closed ticket")
        await eventually(lambda: self._alert("recovered"), within=20, what="the operator's recovery")
        return "recovered; the ticket is closed"

    async def send_malformed(self) -> str:
        """Let a device publish messages that cannot be read before one that can."""
        member = self.fleet.members[_BROKEN]
        wrong: list[dict[str, Any]] = [
            {"message_id": "no-time", "at": "yesterday", "temperature": 20},
            {"message_id": "no-number", "at": int(time.time() * 1000), "temperature": "warm"},
        ]
        for message in wrong:
            member.send("climate", message)
        behind = member.measure()["at"]
        await eventually(
            lambda: len(self.operator.rejected()) >= len(wrong), within=30, what="the malformed measurements"
        )
        await eventually(
            lambda: self.operator.latest([_BROKEN])[_BROKEN] >= behind, within=20, what="what was behind them"
        )
        reasons = [item["reason"] for item in self.operator.rejected()]
        expect(len(reasons) == len(wrong), f"{reasons}")
        return f"{len(reasons)} rejected ({'; '.join(reasons)}); the next measurement arrived"

    async def rest(self) -> str:
        """Let the time pass, then let all devices publish what they have."""
        await asyncio.sleep(max(0.0, self._ends - time.monotonic()))
        await self.fleet.rest(self.fleet.running)
        await self.fleet.stop(self.fleet.running)
        measured = sum(len(diary.measured) for diary in self.fleet.diaries.values())
        dropped = sum(member.outbox.dropped for member in self.fleet.members.values())
        expect(dropped == 0, f"{dropped} dropped by devices")
        return f"{measured:,} measurements of {len(self._measured())} devices"

    # --- both layers

    async def count(self) -> str:
        """Compare what devices measured with both layers."""
        measured = self._measured()
        total = sum(measured.values())

        def speed() -> dict[str, int] | None:
            counts = self.operator.speed_counts(measured)
            return counts if sum(counts.values()) >= total else None

        counted = await eventually(speed, within=60, what="every measurement in the speed layer")
        await asyncio.to_thread(self.operator.deliver)

        def batch() -> dict[str, int] | None:
            counts = self.operator.batch_counts()
            return counts if sum(counts.values()) >= total else None

        stored = await eventually(batch, within=60, what="every measurement in the batch layer")
        wrong = {
            serial: (number, counted.get(serial), stored.get(serial))
            for serial, number in measured.items()
            if not number == counted.get(serial) == stored.get(serial)
        }
        expect(not wrong, f"measured, speed, batch: {wrong}")
        return (
            f"{total:,} measured, {sum(counted.values()):,} in the speed layer, {sum(stored.values()):,} in the batch "
            "layer; lost 0"
        )

    async def history(self) -> str:
        """Query both layers for one device."""
        answer = await asyncio.to_thread(self.operator.history, _HOT, 5)
        messages = sum(minute["messages"] for minute in answer["minutes"])
        expect(messages == self._measured()[_HOT], f"{answer}")
        layers = sorted({minute["layer"] for minute in answer["minutes"]})
        found = f"{messages} measurements in {len(answer['minutes'])} minutes, from {' and '.join(layers)}"
        return f"{found}; now {answer['now']}"

    # --- the issue tracker

    async def webhook_twice(self) -> str:
        """Deliver a webhook twice, then the event that closes its ticket."""
        opened = {"action": "opened", "issue": {"id": 4711, "title": "The chair of desk 7 creaks"}}
        statuses = [await asyncio.to_thread(self.operator.webhook, "delivery-1", opened) for _ in range(2)]
        ticket = await eventually(lambda: self.operator.tickets().get("issue/4711"), within=20, what="the ticket")
        expect(ticket["status"] == "open" and ticket["changes"] == "1", f"{ticket}")
        closed = {**opened, "action": "closed"}
        statuses.append(await asyncio.to_thread(self.operator.webhook, "delivery-2", closed))
        await eventually(
            lambda: self.operator.tickets()["issue/4711"]["status"] == "closed", within=20, what="the closed ticket"
        )
        ticket = (await asyncio.to_thread(self.operator.tickets))["issue/4711"]
        expect((statuses, ticket["changes"]) == ([202, 200, 202], "2"), f"{statuses}, {ticket}")
        return f"answers {statuses}; one ticket, opened once, closed once"

    # --- how

    @property
    def _room(self) -> Room:
        hardware = self.fleet.members[_HOT].hardware
        assert isinstance(hardware, Room)  # noqa: S101 - it is a hygrometer
        return hardware

    async def _command(self, **request: Any) -> dict[str, Any]:
        answer = await asyncio.to_thread(self.operator.command, **request)
        expect("error" not in answer, f"{answer}")
        return answer

    def _ended(self, session: str) -> dict[str, Any] | None:
        answer = self.operator.command(operation="status", session=session)
        return answer if answer["status"] != "pending" else None

    def _identified(self) -> set[str]:
        return {serial for serial, diary in self.fleet.diaries.items() if diary.identified}

    def _sleeper_in_time(self) -> dict[str, Any] | None:
        state = self.operator.command(operation="state", thing=_SLEEPER)
        return state if state["reported"].get("interval_seconds") == 0.5 and not state["delta"] else None

    def _alerts(self, state: str) -> list[dict[str, Any]]:
        return [alert for alert in self.operator.alerts() if (alert["thing"], alert["state"]) == (_HOT, state)]

    def _alert(self, state: str) -> dict[str, Any] | None:
        found = self._alerts(state)
        return found[0] if found else None

    def _ticket(self) -> str | None:
        ticket = self.operator.tickets().get(f"alert/{_HOT}/TooHot")
        return str(ticket["status"]) if ticket else None

    def _archived(self, state: str) -> int:
        return sum((alert["thing"], alert["state"]) == (_HOT, state) for alert in self.operator.archived())

    def _measured(self) -> dict[str, int]:
        return {serial: len(diary.measured) for serial, diary in self.fleet.diaries.items() if diary.measured}
