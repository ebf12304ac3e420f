"""The four needs of an IoT system: speed of getting started, scalability, cost, security; a line each."""

import asyncio
import time
from dataclasses import dataclass

from cdp_constructs.estimates import first_reached
from demo.iot.refusals import Refusals
from demo.iot.stage import Stage
from demo.report import Report, eventually_async, expect
from stacks.iot.scale import Choice, Fleet, monthly_cost, quotas

_NEWCOMER = "home-99"
_KINDS_REFUSED = 8


@dataclass(frozen=True)
class Need:
    """A need, what was measured or computed for it, and the command that shows it."""

    name: str
    seen: str
    command: str


class Needs:
    """A step for each need.

    Attributes:
        found: What was seen.
    """

    def __init__(self, stage: Stage, refusals: Refusals, report: Report) -> None:
        """Prepare."""
        self._stage = stage
        self._refusals = refusals
        self._report = report
        self.found: list[Need] = []

    async def getting_started(self) -> str:
        """Measure from a serial number on the allow-list to the first measurement that can be read."""
        operator, fleet = self._stage.operator, self._stage.fleet
        deployed = sum(step.seconds for step in self._report.results if step.title == "Deploy")
        started = time.perf_counter()
        await asyncio.to_thread(operator.allow, {_NEWCOMER: ("home", "hygrometer")})
        fleet.make(_NEWCOMER, "hygrometer")
        await fleet.start([_NEWCOMER])
        await eventually_async(lambda: operator.latest([_NEWCOMER]), within=40, what="its first measurement")
        seconds = time.perf_counter() - started
        await fleet.stop([_NEWCOMER])
        return self._found_out(
            "Speed of getting started",
            f"measured: the stack in {deployed:.0f} s here; a new device from the allow-list to its first measurement "
            f"in the speed layer in {seconds:.1f} s",
            "make demo-iot",
        )

    async def scalability(self) -> str:
        """Compute which default quota is reached first, and what a million devices need."""
        found = quotas(Fleet(), Choice())
        first = first_reached(found, Fleet().devices)
        to_raise = [quota for quota in found if not quota.fits]
        expect(first in to_raise and all(quota.ask_for > quota.default for quota in to_raise), f"{found}")
        return self._found_out(
            "Scalability",
            f"computed: the first default quota is reached at {first.reached_at(Fleet().devices):,.0f} devices "
            f"({first.name}); for {Fleet().devices:,} ask for {len(to_raise)} of {len(found)} quotas, "
            f"{first.ask_for:,.0f} of this one",
            "python -m stacks.iot.scale; make load-iot",
        )

    async def cost(self) -> str:
        """Compute what a device costs."""
        devices = Fleet().devices
        usual = sum(monthly_cost(Fleet(), Choice()).values()) / devices
        gathered = sum(monthly_cost(Fleet(), Choice(measurements_per_publish=10)).values()) / devices
        expect(gathered < usual, f"${gathered:.3f} and ${usual:.3f}")
        return self._found_out(
            "Cost",
            f"computed: ${usual:.3f} a device and month at a measurement a minute, "
            f"${gathered:.3f} with 10 in a message",
            "python -m stacks.iot.scale",
        )

    async def security(self) -> str:
        """Say who was refused."""
        refused = self._refusals
        expect(refused.kinds == _KINDS_REFUSED, f"{refused.kinds} of {_KINDS_REFUSED} kinds were refused")
        expect(refused.came_through is False, "it is not known that nothing came through")
        return self._found_out(
            "Security",
            f"measured: {refused.kinds} kinds of clients refused in {refused.attempts} attempts at {refused.endpoints} "
            "names of the endpoint, nothing came through",
            "make test-security",
        )

    def _found_out(self, name: str, seen: str, command: str) -> str:
        self.found.append(Need(name, seen, command))
        return seen
