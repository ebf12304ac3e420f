"""Both layers: the same measurements in each, and why there are two."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.iot.stage import LIVE_SECONDS, Stage, kind_of
from demo.report import eventually_async, expect

_RETURNING = "factory-25"
_AWAY = timedelta(days=3)
_TEMPERATURE = 19.5


class Layers:
    """Steps that count measurements, and steps in which the layers differ."""

    def __init__(self, stage: Stage) -> None:
        """Prepare."""
        self._stage = stage
        self._ends = 0.0
        self._late_at = 0

    def begin(self) -> None:
        """Let the devices live from now on for as long as they are to."""
        self._ends = time.monotonic() + LIVE_SECONDS

    async def rest(self) -> str:
        """Let the time pass, then let all devices publish what they have."""
        fleet = self._stage.fleet
        await asyncio.sleep(max(0.0, self._ends - time.monotonic()))
        await fleet.rest(fleet.running)
        unsent = sum(len(fleet.members[serial].outbox) for serial in fleet.running)
        await fleet.stop(fleet.running)
        dropped = sum(member.outbox.dropped for member in fleet.members.values())
        expect((unsent, dropped) == (0, 0), f"{unsent} not sent, {dropped} dropped by devices")
        measured = self._stage.measured
        return f"{sum(measured.values()):,} measurements of {len(measured)} devices, none waits, none was dropped"

    async def count(self) -> str:
        """Compare what devices measured with both layers."""
        measured, operator = self._stage.measured, self._stage.operator
        total = sum(measured.values())

        def speed() -> dict[str, int] | None:
            counts = operator.speed_counts(measured)
            return counts if sum(counts.values()) >= total else None

        counted = await eventually_async(speed, within=60, what="every measurement in the speed layer")
        await asyncio.to_thread(operator.deliver)

        def batch() -> dict[str, int] | None:
            counts = operator.batch_counts()
            return counts if sum(counts.values()) >= total else None

        stored = await eventually_async(batch, within=60, what="every measurement in the batch layer")
        wrong = {
            serial: (number, counted.get(serial), stored.get(serial))
            for serial, number in measured.items()
            if not number == counted.get(serial) == stored.get(serial)
        }
        expect(not wrong and set(stored) == set(measured), f"measured, speed, batch: {wrong}; {sorted(stored)}")
        repeated = await asyncio.to_thread(operator.batch_repetitions)
        return (
            f"{total:,} measured, {sum(counted.values()):,} in the speed layer, {sum(stored.values()):,} in the batch "
            f"layer; lost 0; {repeated} delivered twice and counted once"
        )

    async def know_at_once(self) -> str:
        """Let a device come back that was away for three days: what it measures now is known, in one layer."""
        fleet, operator = self._stage.fleet, self._stage.operator
        before = self._stage.measured[_RETURNING]
        member = fleet.make(_RETURNING, kind_of(_RETURNING))
        member.resting = True
        self._late_at = int((datetime.now(UTC) - _AWAY).timestamp() * 1000)
        late = {"message_id": f"{_RETURNING}-late", "at": self._late_at, "temperature": _TEMPERATURE, "humidity": 40}
        member.send("climate", late)
        member.resting = False
        at = member.measure()["at"]
        member.resting = True
        await fleet.start([_RETURNING])
        await eventually_async(
            lambda: operator.latest([_RETURNING])[_RETURNING] == at, within=40, what="the newest measurement"
        )
        milliseconds = time.time() * 1000 - at
        await fleet.rest([_RETURNING])
        await fleet.stop([_RETURNING])
        stored = (await asyncio.to_thread(operator.batch_counts))[_RETURNING]
        expect(stored == before, f"the batch layer has {stored} of {before + 2}")
        minutes = await asyncio.to_thread(operator.minutes_until_delivered)
        return (
            f"speed layer: known after {milliseconds:.0f} ms; batch layer: not before Firehose delivers, within "
            f"{minutes:g} minutes"
        )

    async def know_exactly(self) -> str:
        """See which layer has the measurement that came three days late."""
        operator, number = self._stage.operator, self._stage.measured[_RETURNING]
        await asyncio.to_thread(operator.deliver)

        def stored() -> int | None:
            count = operator.batch_counts()[_RETURNING]
            return count if count >= number + 1 else None

        batch = await eventually_async(stored, within=60, what="the late measurement in the batch layer")
        windows = await asyncio.to_thread(operator.windows, _RETURNING)
        minute = f"{self._late_minute():%Y-%m-%dT%H:%MZ}"
        speed = sum(window["messages"] for window in windows.values())
        expect((speed, batch) == (number, number + 1) and minute not in windows, f"{speed}, {batch}: {sorted(windows)}")
        return f"batch layer: {batch} of {number + 1}; speed layer: {speed}, its windows reach back two days"

    async def merge(self) -> str:
        """Query both layers for the device: each minute comes from the one that knows it."""
        minutes = int(_AWAY / timedelta(minutes=1)) + 5
        answer = await asyncio.to_thread(self._stage.operator.history, _RETURNING, minutes)
        found: list[dict[str, Any]] = answer["minutes"]
        first, last = found[0], found[-1]
        expected = (f"{self._late_minute():%Y-%m-%dT%H:%M}", "batch", 1, _TEMPERATURE)
        expect((first["start"][:16], first["layer"], first["messages"], first["temperature"]) == expected, f"{first}")
        expect(last["layer"] == "speed" and len({one["start"] for one in found}) == len(found), f"{found}")
        number = sum(minute["messages"] for minute in found)
        expect(number == self._stage.measured[_RETURNING] + 1, f"{number} messages: {found}")
        layers = ", ".join(
            f"{sum(one['layer'] == layer for one in found)} from the {layer} layer" for layer in ("batch", "speed")
        )
        return f"{number} measurements in {len(found)} minutes, each once: {layers}"

    def _late_minute(self) -> datetime:
        return datetime.fromtimestamp(self._late_at / 1000, UTC)
