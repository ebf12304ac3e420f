"""``python -m demo.iot.load``: 200 devices, 20,000 measurements, counted in both layers, and how long they took.

Everything is bounded and stays on this machine: the embedded cloud listens on the loopback address.
"""

import argparse
import asyncio
import statistics
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from demo.bring_up import bring_up, synthesise
from demo.embedded import embedded_cloud
from demo.iot.fleet import Fleet
from demo.iot.operator import Operator
from demo.iot.stage import SITES, kind_of
from demo.report import Report, eventually_async, expect
from demo.running import end_with

_WATCHED = 20
_LOOK_SECONDS = 0.05
_SETTLE_WITHIN = 300.0


@dataclass
class Latency:
    """How long after it was measured something was in the latest state, as far as looking at it shows."""

    milliseconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        """Return percentiles."""
        if len(self.milliseconds) < 2:
            return "nothing seen"
        cuts = statistics.quantiles(self.milliseconds, n=100)
        named = ", ".join(f"p{p} {cuts[p - 1]:,.0f} ms" for p in (50, 90, 99))
        return f"{len(self.milliseconds):,} seen: {named}, most {max(self.milliseconds):,.0f} ms"


class Load:
    """Devices that measure as often as asked, and what was seen of it."""

    def __init__(self, operator: Operator, folder: Path, *, devices: int, messages: int, rate: float) -> None:
        """Prepare.

        Args:
            operator: The deployed system.
            folder: Keeps what the devices keep.
            devices: How many, of both sites.
            messages: How many measurements of all together.
            rate: How many a second.
        """
        self._operator = operator
        self._each, rest = divmod(messages, devices)
        self._serials = [f"{SITES[n % len(SITES)]}-{n:04}" for n in range(1, devices + 1)]
        self._more = set(self._serials[:rest])
        self._messages = messages
        self._interval = devices / rate
        self._fleet = Fleet(
            folder,
            operator.cloud.mqtt(),
            operator.outputs["ProvisioningTemplate"],
            operator.issue_claim(),
            interval_seconds=self._interval,
        )
        self.latency = Latency()
        self.most_waiting = 0
        """Most measurements that waited in the devices' outboxes for the broker, of all devices together."""
        self.messages = 0
        """Messages in which the measurements came; fewer where devices gather."""

    async def run(self, report: Report) -> None:
        """Run every step."""
        with report.chapter("The load"):
            async with self._fleet:
                for title, expected, action in (
                    ("Devices claim", f"{len(self._serials)} identities", self._join),
                    ("Devices measure", f"{self._messages:,} measurements confirmed by the broker", self._measure),
                    ("Speed layer", "lost 0, doubled 0, the same count for each device", self._count_speed),
                    ("Batch layer", "lost 0, the same count for each device, each message id once", self._count_batch),
                ):
                    if not await report.step_async(title, expected, action):
                        break

    async def _join(self) -> str:
        kinds = {serial: (serial.partition("-")[0], kind_of(serial)) for serial in self._serials}
        await asyncio.to_thread(self._operator.allow, kinds)
        for serial in self._serials:
            self._fleet.make(serial, kind_of(serial))
        started = time.perf_counter()
        await self._fleet.join(self._serials)
        statuses = await asyncio.to_thread(self._operator.statuses)
        expect(statuses == {"pending": len(self._serials)}, f"statuses {dict(statuses)}")
        return f"{len(self._serials)} in {time.perf_counter() - started:.1f} s"

    async def _measure(self) -> str:
        for serial in self._serials:
            self._fleet.members[serial].most = self._each + (serial in self._more)
            self._fleet.members[serial].resting = True
        await self._fleet.start(self._serials, within=120)
        watching = asyncio.create_task(self._watch())
        started, began = time.perf_counter(), datetime.now(UTC)
        # As devices that were switched on one after the other: not all at the same moment, again and again.
        for serial in self._serials:
            self._fleet.members[serial].begin()
            await asyncio.sleep(self._interval / len(self._serials))
        while self._measured() < self._messages:  # noqa: ASYNC110 - devices are not changed for being watched
            await asyncio.sleep(0.2)
        await self._fleet.rest(self._serials, within=_SETTLE_WITHIN)
        seconds = time.perf_counter() - started
        self.messages = len(await asyncio.to_thread(self._operator.streamed, began))
        await asyncio.sleep(1)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        dropped = sum(member.outbox.dropped for member in self._fleet.members.values())
        expect((self._measured(), dropped) == (self._messages, 0), f"{self._measured():,} measured, {dropped} dropped")
        waited = f"at most {self.most_waiting:,} waited at the devices"
        # Most of those that are watched change each interval, and looking takes less than that.
        expect(len(self.latency.milliseconds) >= _WATCHED, f"{self.latency}")
        rate = f"{self._measured():,} in {seconds:.0f} s, {self._measured() / seconds:,.0f} a second"
        return f"{rate}, as {self.messages:,} messages; {waited}"

    def _measured(self) -> int:
        return sum(len(diary.measured) for diary in self._fleet.diaries.values())

    async def _watch(self) -> None:
        """Look at the latest state of some devices, again and again."""
        seen: dict[str, int] = {}
        while True:
            states = await asyncio.to_thread(self._operator.latest, self._serials[:_WATCHED])
            now = time.time() * 1000
            for serial, at in states.items():
                if at != seen.get(serial):
                    self.latency.milliseconds.append(now - at)
                seen[serial] = at
            waiting = sum(len(member.outbox) for member in self._fleet.members.values())
            self.most_waiting = max(self.most_waiting, waiting)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _count_speed(self) -> str:
        def counted() -> dict[str, int] | None:
            counts = self._operator.speed_counts(self._serials)
            return counts if sum(counts.values()) >= self._messages else None

        counts = await eventually_async(counted, within=_SETTLE_WITHIN, what="every measurement in the speed layer")
        return f"{self._compare(counts)}, doubled 0"

    async def _count_batch(self) -> str:
        await asyncio.to_thread(self._operator.deliver)

        def stored() -> dict[str, int] | None:
            counts = self._operator.batch_counts()
            return counts if sum(counts.values()) >= self._messages else None

        counts = await eventually_async(stored, within=60, what="every measurement in the batch layer")
        repeated = await asyncio.to_thread(self._operator.batch_repetitions)
        return f"{self._compare(counts)}; {repeated} delivered twice and counted once"

    def _compare(self, counts: dict[str, int]) -> str:
        wrong: dict[str, Any] = {
            serial: (len(diary.measured), counts.get(serial, 0))
            for serial, diary in self._fleet.diaries.items()
            if len(diary.measured) != counts.get(serial, 0)
        }
        expect(not wrong, f"measured and counted: {wrong}")
        return f"{sum(counts.values()):,} of {len(counts)} devices; lost 0"


def main() -> int:
    """Run the load; 1 when something was lost or counted twice."""
    parser = argparse.ArgumentParser(prog="make load-iot", description=__doc__)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=150, help="measurements a second of all devices together")
    parser.add_argument("--gathered", action="store_true", help="devices send the measurements of a minute together")
    options = parser.parse_args()
    console = Console(soft_wrap=False)
    report = Report(console)
    started = time.perf_counter()
    latency: Latency | None = None
    changed = {"gather_minutes": 1} if options.gathered else {}
    with embedded_cloud() as (cloud, folder):
        assembly = folder / "cdk.out"
        deployment = bring_up(report, lambda: synthesise(assembly, "iot", changed), lambda: cloud.deploy(assembly))
        if deployment is not None:
            load = Load(
                Operator(cloud, deployment),
                folder,
                devices=options.devices,
                messages=options.messages,
                rate=options.rate,
            )
            asyncio.run(load.run(report))
            latency = load.latency
    console.print()
    console.print(report.table())
    if latency is not None:
        console.print(f"Measured until in the latest state, of {_WATCHED} devices: {latency}")
    console.print(f"{time.perf_counter() - started:.0f} s")
    return 0 if report.passed else 1


if __name__ == "__main__":
    end_with(main)
