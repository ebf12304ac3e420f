"""The IoT system on the embedded cloud, in small: a few devices, both layers, alerts and tickets.

``make demo-iot`` plays all of it with 50 devices.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.operations.deployed.stacks import DeployedStack, open_session
from cdp_constructs.operations.trace.way import Way, follow
from cdp_constructs.testing import eventually
from demo.iot.fleet import Desk, Fleet, Room
from demo.iot.operator import Operator
from tests.stacks.iot.architectures import as_configured

DEVICES = {"home-01": "hygrometer", "home-02": "chair", "factory-01": "hygrometer"}
HOT = "home-01"
CHAIR = "home-02"


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
        # As after a power cut: what a device waits by belongs to the event loop of one test.
        for serial, kind in DEVICES.items():
            fleet.make(serial, kind)
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


def test_a_chair_that_is_switched_off_gets_its_lamp_when_it_is_connected_again(
    operator: Operator, fleet: Fleet
) -> None:
    def state() -> Any:
        return operator.command(operation="state", thing=CHAIR)

    async def sit_down_by_another_way(at: int) -> None:
        """Put what the chair would have measured into the stream, so that it is off while the cloud reacts."""
        message = {"message_id": f"{CHAIR}-{at}", "thing": CHAIR, "context": "home", "type": "seat", "at": at}
        stream = operator.part("TelemetrySpeedStream")
        data = json.dumps({**message, "movement": 0.9})
        operator.client("kinesis").put_record(StreamName=stream, PartitionKey=CHAIR, Data=data)
        await see(lambda: state()["desired"].get("lamp") is True, "the desired lamp")

    async def off_and_on() -> tuple[Any, Desk]:
        async with fleet:
            fleet.make(CHAIR, "chair")
            await fleet.join([CHAIR])
            await fleet.start([CHAIR])
            await fleet.stop([CHAIR])
            await sit_down_by_another_way(int(time.time() * 1000))
            asleep = state()
            chair = fleet.make(CHAIR, "chair")
            chair.resting = True
            await fleet.start([CHAIR])
            await see(lambda: not state()["delta"], "the lamp")
            assert isinstance(chair.hardware, Desk)
            await fleet.stop([CHAIR])
            # A power failure: the lamp is off, and the shadow says that it is on.
            again = fleet.make(CHAIR, "chair")
            again.resting = True
            await fleet.start([CHAIR])
            assert isinstance(again.hardware, Desk)
            desk = again.hardware
            await see(lambda: desk.is_lit, "the lamp after the power failure")
            return asleep, chair.hardware

    asleep, desk = asyncio.run(off_and_on())
    assert asleep["delta"] == {"lamp": True}
    assert desk.is_lit
    assert [alert for alert in operator.alerts() if alert["thing"] == CHAIR] == []
    assert f"alert/{CHAIR}/Occupied" not in operator.tickets()


def test_operators_of_a_site_receive_what_its_devices_report_and_nothing_else(operator: Operator) -> None:
    data = operator.client("iot-data")
    for site in ("home", "factory"):
        report = json.dumps({"message_id": site, "alert": "SensorFailed", "context": "factory", "thing": "liar"})
        data.publish(topic=f"dt/sensors/{site}/{site}-07/alert", qos=1, payload=report)
    for site in ("home", "factory"):
        (report,) = eventually(lambda site=site: operator.reports(site), what=f"the report of {site}")
        assert (report["thing"], report["context"], report["alert"]) == (f"{site}-07", site, "SensorFailed")


def test_operators_of_a_site_take_from_their_own_queue_only(operator: Operator, local_cloud: LocalCloud) -> None:
    iam, sts = local_cloud.client("iam"), local_cloud.client("sts")
    account = sts.get_caller_identity()["Account"]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="home-operator", AssumeRolePolicyDocument=document)["Role"]
    iam.attach_role_policy(RoleName="home-operator", PolicyArn=operator.outputs["OperatorsPolicyArnhome"])
    credentials = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="night")["Credentials"]
    sqs = local_cloud.client("sqs", region=operator.region, credentials=credentials)
    assert sqs.receive_message(QueueUrl=operator.outputs["OperatorsQueueUrlhome"])["ResponseMetadata"]
    for queue in ("OperatorsQueueUrlfactory", "OperatorsQueueUrl"):
        with pytest.raises(sqs.exceptions.ClientError, match="AccessDenied"):
            sqs.receive_message(QueueUrl=operator.outputs[queue])


def test_what_arrives_three_days_late_is_answered_by_the_batch_layer(operator: Operator) -> None:
    thing, now = "late-01", int(time.time() * 1000)
    late = now - 3 * 24 * 3600 * 1000
    topic = f"dt/sensors/home/{thing}/climate"
    for at, temperature in ((late, 19.5), (now, 22)):
        message = {"message_id": f"{thing}-{at}", "at": at, "temperature": temperature, "humidity": 40}
        operator.client("iot-data").publish(topic=topic, qos=1, payload=json.dumps(message))
    eventually(lambda: operator.latest([thing]) == {thing: now}, what="the newest measurement in the speed layer")
    assert operator.speed_counts([thing]) == {thing: 1}
    operator.deliver()
    eventually(lambda: operator.batch_counts().get(thing) == 2, what="both in the batch layer")
    minutes = operator.history(thing, 3 * 24 * 60 + 5)["minutes"]
    assert [(one["layer"], one["messages"], one["temperature"]) for one in minutes] == [
        ("batch", 1, 19.5),
        ("speed", 1, 22),
    ]


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


def test_a_measurement_and_a_delivery_are_followed_to_their_tickets(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in operator.cloud.root.environment(operator.cloud.endpoint, operator.region).items():
        monkeypatch.setenv(name, value)
    stack = DeployedStack("Iot", open_session(operator.region))
    ids = {thing: uuid4().hex for thing in ("oven-01", "oven-02")}
    stream, now = operator.part("TelemetrySpeedStream"), int(time.time() * 1000)
    for thing, identity in ids.items():
        measured = {"message_id": identity, "thing": thing, "context": "home", "type": "climate", "at": now}
        # The one as AWS IoT names it, the other as a device may.
        carried = {"trace_id": identity} if thing == "oven-01" else {"traceparent": f"00-{identity}-{'1' * 16}-01"}
        data = json.dumps({**measured, **carried, "temperature": 99.0})
        operator.client("kinesis").put_record(StreamName=stream, PartitionKey=thing, Data=data)
    assert operator.webhook("followed-1", {"action": "opened", "issue": {"id": 815, "title": "It squeaks"}}) == 202
    about = {f"alert/{thing}/TooHot": identity for thing, identity in ids.items()}
    tickets = eventually(
        lambda: found if {*about, "issue/815"} <= (found := operator.tickets()).keys() else None, what="the tickets"
    )
    for ticket, identity in about.items():
        assert identity in tickets[ticket]["traceparent"]

    def ways() -> list[Way] | None:
        found = [follow([stack], identity, since=time.time() - 900) for identity in ids.values()]
        return found if all("AlertsArchiver" in way.places() for way in found) else None

    for way, identity in zip(eventually(ways, what="the archived alerts"), ids.values(), strict=True):
        assert {"TelemetrySpeedFunction", "AlertsArchiver", "AlertsTicketsFunction"} <= set(way.places())
        assert way.stops == []
        for line in way.lines:
            assert identity in line.fields.get("correlation_ids", [line.fields.get("correlation_id")])
    delivered = tickets["issue/815"]["traceparent"].split("-")[1]
    places = follow([stack], delivered, since=time.time() - 900).places()
    # The receiver logs that it has queued a delivery; the consumer may be faster.
    assert set(places) == {"AlertsTrackerReceiverFunction", "AlertsTicketsFunction"}
