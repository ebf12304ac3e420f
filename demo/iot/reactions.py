"""What chairs, rooms and people do when something crosses a threshold."""

import asyncio
import time
from typing import Any

from demo.iot.fleet import Desk, Room
from demo.iot.stage import Stage
from demo.report import eventually_async, expect

_HOT, _DRY, _CHAIR, _DARK, _BROKEN = "home-01", "home-05", "home-02", "factory-02", "factory-01"


class Reactions:
    """Steps in which the cloud reacts to what devices measure."""

    def __init__(self, stage: Stage) -> None:
        """Prepare."""
        self._stage = stage

    async def sit_down(self) -> str:
        """Let somebody sit down on a chair and stand up again; its lamp follows."""
        desk, operator = self._desk(_CHAIR), self._stage.operator
        expect(not desk.is_lit, "the lamp was on before")
        started = time.perf_counter()
        desk.occupied = True
        await self._reported(_CHAIR, lamp=True)
        milliseconds = 1000 * (time.perf_counter() - started)
        expect(desk.is_lit, "it reports a lamp that is not on")
        desk.occupied = False
        await self._reported(_CHAIR, lamp=False)
        expect(not desk.is_lit, "it reports a lamp that is not off")
        notified = [alert for alert in await asyncio.to_thread(operator.alerts) if alert["thing"] == _CHAIR]
        tickets = [ticket for ticket in await asyncio.to_thread(operator.tickets) if _CHAIR in ticket]
        expect(not notified and not tickets, f"{notified}, {tickets}")
        return f"lamp on after {milliseconds:.0f} ms, off when the person left; no alert, no ticket"

    async def grow_dark(self) -> str:
        """Let it grow dark at a chair: a ticket; somebody sits down, and the lamp ends it."""
        desk = self._desk(_DARK)
        desk.daylight = 5.0
        await self._ticket(_DARK, "TooDark", "open")
        expect(not desk.is_lit, "the lamp is on although nobody sits there")
        desk.occupied = True
        await self._reported(_DARK, lamp=True)
        closed = await self._ticket(_DARK, "TooDark", "closed")
        expect(desk.is_lit and closed["changes"] == "2", f"{closed}")
        return f"ticket open ({closed['title']}); lamp on as somebody sits down; ticket closed: {closed['text']}"

    async def dry_out(self) -> str:
        """Let the air of a room dry out, and become damp again: the humidifier follows by the room's shadow."""
        room = self._room(_DRY)
        room.is_dry = True
        await self._reported(_DRY, humidifier=True)
        ticket = await self._ticket(_DRY, "TooDry", "open")
        expect(room.is_humidified, "it reports a humidifier that does not run")
        room.is_dry = False
        await self._reported(_DRY, humidifier=False)
        await self._ticket(_DRY, "TooDry", "closed")
        expect(not room.is_humidified, "it reports a humidifier that does not stand still")
        return f"{ticket['text']}: humidifier on, ticket open; recovered: humidifier off, ticket closed"

    async def heat(self) -> str:
        """Heat a room beyond the threshold, and see who receives the alert."""
        self._room(_HOT).heat = 20
        alert = await eventually_async(lambda: self._alert("crossed"), within=40, what="the operator's alert")
        ticket = await self._ticket(_HOT, "TooHot", "open")
        await eventually_async(lambda: self._archived("crossed"), within=40, what="the archived alert")
        expect(ticket["changes"] == "1", f"{ticket}")
        late = time.time() * 1000 - alert["at"]
        return f"{alert['threshold']} at {alert['value']} °C: operator, ticket and archive within {late:.0f} ms"

    async def cool(self) -> str:
        """Cool the room down, and see that each of both alerts was received once."""
        self._room(_HOT).heat = 0
        ticket = await self._ticket(_HOT, "TooHot", "closed")
        await eventually_async(lambda: self._alert("recovered"), within=40, what="the operator's recovery")
        await eventually_async(lambda: self._archived("recovered"), within=40, what="the archived recovery")
        counts = {
            state: (len(self._alerts(state)), await asyncio.to_thread(self._archived, state))
            for state in ("crossed", "recovered")
        }
        expect(counts == {"crossed": (1, 1), "recovered": (1, 1)}, f"operator, archive: {counts}")
        expect(ticket["changes"] == "2", f"{ticket}")
        return "the ticket is closed; operator and archive have 1 alert and 1 recovery each"

    async def send_malformed(self) -> str:
        """Let a device publish messages that cannot be read before one that can."""
        operator, member = self._stage.operator, self._stage.fleet.members[_BROKEN]
        wrong: list[dict[str, Any]] = [
            {"message_id": "no-time", "at": "yesterday", "temperature": 20},
            {"message_id": "no-number", "at": int(time.time() * 1000), "temperature": "warm"},
        ]
        for message in wrong:
            member.send("climate", message)
        behind = member.measure()["at"]
        await eventually_async(
            lambda: len(operator.rejected()) >= len(wrong), within=40, what="the malformed measurements"
        )
        await eventually_async(
            lambda: operator.latest([_BROKEN])[_BROKEN] >= behind, within=40, what="what was behind them"
        )
        reasons = [item["reason"] for item in operator.rejected()]
        expect(len(reasons) == len(wrong), f"{reasons}")
        return f"{len(reasons)} rejected ({'; '.join(reasons)}); the next measurement arrived"

    # --- how

    async def _reported(self, thing: str, **expected: bool) -> None:
        await self._stage.state(
            thing,
            lambda state: not state["delta"] and expected.items() <= state["reported"].items(),
            f"{expected} of {thing}",
        )

    async def _ticket(self, thing: str, threshold: str, status: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self._stage.operator.tickets().get(f"alert/{thing}/{threshold}")
            return found if found and found["status"] == status else None

        return await eventually_async(look, within=40, what=f"the {status} ticket of {thing}")

    def _alerts(self, state: str) -> list[dict[str, Any]]:
        alerts = self._stage.operator.alerts()
        return [alert for alert in alerts if (alert["thing"], alert["state"]) == (_HOT, state)]

    def _alert(self, state: str) -> dict[str, Any] | None:
        found = self._alerts(state)
        return found[0] if found else None

    def _archived(self, state: str) -> int:
        return sum((alert["thing"], alert["state"]) == (_HOT, state) for alert in self._stage.operator.archived())

    def _room(self, serial: str) -> Room:
        hardware = self._stage.fleet.members[serial].hardware
        assert isinstance(hardware, Room)  # noqa: S101 - it is a hygrometer
        return hardware

    def _desk(self, serial: str) -> Desk:
        hardware = self._stage.fleet.members[serial].hardware
        assert isinstance(hardware, Desk)  # noqa: S101 - it is a chair
        return hardware
