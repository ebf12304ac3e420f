"""The system with its operator and its devices: what every step of the demonstration works with."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from demo.iot.fleet import Fleet
from demo.iot.operator import Operator
from demo.report import eventually_async, expect

T = TypeVar("T")

DEVICES = 50
LIVE_SECONDS = 30
SITES = ("home", "factory")
_INTERVAL_SECONDS = 1.0


def kind_of(serial_number: str) -> str:
    """Return what a device is: odd numbers are hygrometers, even ones chairs."""
    return "hygrometer" if int(serial_number.rpartition("-")[2]) % 2 else "chair"


def site_of(serial_number: str) -> str:
    """Return where a device is."""
    return serial_number.partition("-")[0]


class Stage:
    """The deployed system, and a fleet; a context manager that stops the devices.

    Attributes:
        operator: The system, as its operators reach it.
        fleet: The devices.
        serials: Their serial numbers.
        started: When the first device asked for an identity, by the clock of ``time.monotonic``.
    """

    def __init__(self, operator: Operator, folder: Path) -> None:
        """Prepare."""
        self.operator = operator
        self.folder = folder
        self.endpoint = operator.cloud.mqtt()
        self.serials = [f"{site}-{number:02}" for site in SITES for number in range(1, DEVICES // len(SITES) + 1)]
        self.fleet = Fleet(
            folder,
            self.endpoint,
            operator.outputs["ProvisioningTemplate"],
            operator.issue_claim(),
            interval_seconds=_INTERVAL_SECONDS,
        )
        self.started = time.monotonic()

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all devices."""
        await self.fleet.stop(self.fleet.running)

    @property
    def measured(self) -> dict[str, int]:
        """How much each device has measured."""
        return {serial: len(diary.measured) for serial, diary in self.fleet.diaries.items() if diary.measured}

    async def command(self, **request: Any) -> dict[str, Any]:
        """Use the function of commands.

        Raises:
            StepFailed: it answered with an error.
        """
        answer = await asyncio.to_thread(self.operator.command, **request)
        expect("error" not in answer, f"{answer}")
        return answer

    async def state(self, thing: str, expected: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait until the shadow of a device is as expected, and return its state."""

        def look() -> dict[str, Any] | None:
            state = self.operator.command(operation="state", thing=thing)
            return state if expected(state) else None

        return await eventually_async(look, within=40, what=what)
