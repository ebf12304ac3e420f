"""The four messaging patterns: PointToPoint, Broadcast, FanoutNotification, Aggregation."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.iot.fleet import Room
from demo.iot.stage import SITES, Stage, kind_of, site_of
from demo.report import eventually_async, expect

_COMMANDED, _DEAD, _SLEEPER = "factory-03", "home-25", "home-23"
_FAILING = {"home": "home-07", "factory": "factory-07"}


class Messaging:
    """Steps of each pattern, between operators and devices that run."""

    def __init__(self, stage: Stage) -> None:
        """Prepare."""
        self._stage = stage
        self._dead_session = ""

    async def start(self) -> str:
        """Run all but the one that is dead; stop one after it has measured."""
        fleet, operator = self._stage.fleet, self._stage.operator
        alive = [serial for serial in self._stage.serials if serial != _DEAD]
        await fleet.start(alive)
        await eventually_async(lambda: bool(fleet.diaries[_SLEEPER].measured), within=40, what="a measurement")
        await fleet.rest([_SLEEPER])
        await fleet.stop([_SLEEPER])
        statuses = await eventually_async(
            lambda: found if (found := operator.statuses())["active"] == len(alive) else None,
            within=60,
            what="the use of every identity",
        )
        expect(fleet.running == set(alive) - {_SLEEPER}, f"{len(fleet.running)} run")
        return f"{len(alive)} connected, {statuses['active']} identities in use; {_SLEEPER} has been switched off"

    # --- PointToPoint

    async def command(self) -> str:
        """Command one device, and see its response."""
        started = time.perf_counter()
        sent = await self._stage.command(operation="send", thing=_COMMANDED, command="ping", arguments={"n": 1})
        answer = await eventually_async(lambda: self._ended(sent["session"]), within=40, what="a response")
        milliseconds = 1000 * (time.perf_counter() - started)
        expect(answer["status"] == "succeeded" and answer["result"]["n"] == 1, f"{answer}")
        return f"succeeded in {milliseconds:.0f} ms: {answer['result']}"

    async def command_the_dead(self) -> str:
        """Command a device that is not connected."""
        sent = await self._stage.command(operation="send", thing=_DEAD, command="ping")
        self._dead_session = sent["session"]
        status = (await self._stage.command(operation="status", session=self._dead_session))["status"]
        expect((sent["status"], status) == ("pending", "pending"), f"{sent}, then {status}")
        return f"{status}; its end is looked at below"

    async def command_timed_out(self) -> str:
        """See the end of the command to the dead device."""
        answer = await eventually_async(lambda: self._ended(self._dead_session), within=60, what="the time-out")
        expect(answer["status"] == "timed_out", f"{answer}")
        return f"{answer['status']}, for {answer['thing']}"

    async def desire(self) -> str:
        """Let an operator switch on the humidifier of a device that sleeps."""
        await self._stage.command(operation="desire", thing=_SLEEPER, state={"humidifier": True})
        state = await self._stage.command(operation="state", thing=_SLEEPER)
        expect(state["delta"] == {"humidifier": True} and "humidifier" not in state["reported"], f"{state}")
        return f"delta {state['delta']}; reported {state['reported']}"

    async def wake(self) -> str:
        """Start the sleeping device again, and see that its humidifier runs."""
        member = self._stage.fleet.make(_SLEEPER, kind_of(_SLEEPER))
        room = member.hardware
        assert isinstance(room, Room)  # noqa: S101 - it is a hygrometer
        expect(not room.is_humidified, "the humidifier ran before")
        await self._stage.fleet.start([_SLEEPER])
        state = await self._stage.state(
            _SLEEPER, lambda state: state["reported"].get("humidifier") and not state["delta"], "the desired state"
        )
        expect(room.is_humidified, "it reports a humidifier that does not run")
        return f"its humidifier runs; reported {state['reported']}, no delta"

    # --- Broadcast

    async def broadcast(self) -> str:
        """Command all devices of the factory."""
        answer = await asyncio.to_thread(
            self._stage.operator.broadcast,
            operation="broadcast",
            command="identify",
            context="factory",
            arguments={"why": "b"},
        )
        expect("session" in answer, f"{answer}")
        factory = {serial for serial in self._stage.fleet.running if site_of(serial) == "factory"}
        await eventually_async(lambda: self._identified() >= factory, within=40, what="the broadcast everywhere")
        await asyncio.sleep(0.5)
        received = self._identified()
        expect(received == factory, f"received by {sorted(received)}")
        return f"received by {len(received)} of {len(factory)} at the factory, 0 at home"

    # --- FanoutNotification

    async def fan_out(self) -> str:
        """Let a sensor fail at each site; the topic of the report decides whose operators receive it."""
        operator = self._stage.operator
        for serial in _FAILING.values():
            self._room(serial).is_broken = True
        await eventually_async(
            lambda: all(operator.reports(site) for site in SITES), within=40, what="a report for each site"
        )
        await asyncio.sleep(0.5)
        received = {site: [report["thing"] for report in operator.reports(site)] for site in SITES}
        expect(received == {site: [serial] for site, serial in _FAILING.items()}, f"{received}")
        for serial in _FAILING.values():
            self._room(serial).is_broken = False
        report = operator.reports(SITES[0])[0]
        return f"{report['alert']} ({report['reason']}): " + ", ".join(
            f"operators of {site}: {', '.join(things)}" for site, things in received.items()
        )

    # --- Aggregation

    async def aggregate(self) -> str:
        """See that what all devices publish comes together in one stream, named by the topic."""
        running, since = self._stage.fleet.running, datetime.now(UTC) - timedelta(seconds=1)

        def together() -> list[dict[str, Any]] | None:
            found = self._stage.operator.streamed(since)
            return found if {message["thing"] for message in found} >= running else None

        messages = await eventually_async(together, within=40, what="a message of each device in the stream")
        wrong = [
            message
            for message in messages
            if (message["key"], message["context"], message["type"])
            != (
                message["thing"],
                site_of(message["thing"]),
                "climate" if kind_of(message["thing"]) == "hygrometer" else "seat",
            )
        ]
        expect(not wrong, f"{wrong[:1]}")
        things = {message["thing"] for message in messages}
        return f"{len(messages)} messages of {len(things)} devices in one stream; thing, site and type from the topic"

    # --- how

    def _ended(self, session: str) -> dict[str, Any] | None:
        answer = self._stage.operator.command(operation="status", session=session)
        return answer if answer["status"] != "pending" else None

    def _identified(self) -> set[str]:
        return {serial for serial, diary in self._stage.fleet.diaries.items() if diary.identified}

    def _room(self, serial: str) -> Room:
        hardware = self._stage.fleet.members[serial].hardware
        assert isinstance(hardware, Room)  # noqa: S101 - it is a hygrometer
        return hardware
