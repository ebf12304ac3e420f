"""The IoT system on the embedded cloud, in small: a few devices, both layers, alerts and tickets.

``make demo-iot`` plays all of it with 50 devices.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import eventually
from demo.iot.fleet import Fleet, Room
from demo.iot.operator import Operator
from tests.stacks.iot.architectures import as_configured

DEVICES = {"home-01": "hygrometer", "home-02": "chair", "factory-01": "hygrometer"}
HOT = "home-01"


@pytest.fixture(scope="module")
def operator(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Operator:
    return Operator(local_cloud, deployed(as_configured))


@pytest.fixture(scope="module")
def fleet(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    operator.allow({serial: (serial.partition("-")[0], kind) for serial, kind in DEVICES.items()})
    fleet = Fleet(
        tmp_path_factory.mktemp("devices"),
        operator.cloud.mqtt(),
        operator.outputs["ProvisioningTemplate"],
        operator.issue_claim(),
        interval_seconds=0.5,
    )
    for serial, kind in DEVICES.items():
        fleet.make(serial, kind)
    return fleet


def live(fleet: Fleet, during: Callable[[], Awaitable[None]]) -> None:
    """Let the devices live while something happens, and send all that they have in the end."""

    async def run() -> None:
        async with fleet:
            await fleet.join(DEVICES)
            await fleet.start(DEVICES)
            await during()
            await fleet.rest(DEVICES)

    asyncio.run(run())


async def see(look: Callable[[], Any], what: str) -> Any:
    """Look again, beside the devices, until there is something true."""
    return await asyncio.to_thread(eventually, look, what=what)


def of(alerts: list[dict[str, Any]], state: str) -> list[dict[str, Any]]:
    return [alert for alert in alerts if (alert["thing"], alert["state"]) == (HOT, state)]


def test_a_crossed_threshold_is_heard_by_operator_ticket_and_archive_and_all_is_in_both_layers(
    operator: Operator, fleet: Fleet
) -> None:
    def status() -> Any:
        return operator.tickets().get(f"alert/{HOT}/TooHot", {}).get("status")

    async def heat_and_cool() -> None:
        room = fleet.members[HOT].hardware
        assert isinstance(room, Room)
        room.heat = 20
        await see(lambda: status() == "open", "the open ticket")
        await see(lambda: of(operator.alerts(), "crossed"), "the operator's alert")
        await see(lambda: of(operator.archived(), "crossed"), "the archived alert")
        room.heat = 0
        await see(lambda: status() == "closed", "the closed ticket")
        await see(lambda: of(operator.alerts(), "recovered"), "the operator's all-clear")

    live(fleet, heat_and_cool)
    assert [len(of(alerts, "crossed")) for alerts in (operator.alerts(), operator.archived())] == [1, 1]
    measured = {serial: len(diary.measured) for serial, diary in fleet.diaries.items()}
    assert min(measured.values()) > 1
    eventually(lambda: operator.speed_counts(DEVICES) == measured, what="equal counts in the speed layer")
    operator.deliver()
    eventually(lambda: operator.batch_counts() == measured, what="equal counts in the batch layer")
    history = operator.history(HOT, 5)
    assert sum(minute["messages"] for minute in history["minutes"]) == measured[HOT]
    assert history["crossed"] == []


def test_webhook_delivered_twice_opens_one_ticket_and_the_next_event_closes_it(operator: Operator) -> None:
    opened = {"action": "opened", "issue": {"id": 4711, "title": "It creaks"}}
    assert [operator.webhook("delivery-1", opened) for _ in range(2)] == [202, 200]
    eventually(lambda: operator.tickets().get("issue/4711", {}).get("status") == "open", what="the ticket")
    assert operator.webhook("delivery-2", {**opened, "action": "closed"}) == 202
    eventually(lambda: operator.tickets()["issue/4711"]["status"] == "closed", what="the closed ticket")
    assert operator.tickets()["issue/4711"]["changes"] == "2"


def test_history_answers_mistakes_in_words(operator: Operator) -> None:
    assert operator.history(HOT, 0) == {"error": "thing is a name, and minutes 1 to 10,080"}
    assert operator.history("never-heard-of", 5)["minutes"] == []
