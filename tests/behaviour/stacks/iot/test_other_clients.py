"""Devices that are not ours join the fleet beside ours: the AWS IoT Device SDK v2 for Python, and Node.js."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import eventually
from demo.iot.fleet import Fleet
from demo.iot.operator import Operator
from tests.stacks.iot.architectures import as_configured

pytestmark = pytest.mark.clients

OURS, SDK, NODE = "home-01", "sdk-01", "node-01"
DEVICES = {OURS: ("home", "hygrometer"), SDK: ("home", "hygrometer"), NODE: ("factory", "chair")}
PROGRAM = Path(__file__).with_name("device.mjs")


@pytest.fixture(scope="module")
def operator(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Operator:
    operator = Operator(local_cloud, deployed(as_configured))
    operator.allow(DEVICES)
    return operator


@pytest.fixture(scope="module")
def fleet(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    folder = tmp_path_factory.mktemp("devices")
    template, claim = operator.outputs["ProvisioningTemplate"], operator.issue_claim()
    return Fleet(folder, operator.cloud.mqtt(), template, claim, interval_seconds=0.5)


def measurement(thing: str, **values: float) -> dict[str, Any]:
    return {"message_id": f"{thing}-1", "at": int(time.time() * 1000), **values}


def command(operator: Operator, thing: str) -> Any:
    """Command a device, and return how that ended."""
    session = operator.command(operation="send", thing=thing, command="ping")["session"]

    def ended() -> Any:
        found = operator.command(operation="status", session=session)
        return found if found["status"] != "pending" else None

    return eventually(ended, what=f"the response of {thing}")


def desire(operator: Operator, thing: str, **state: Any) -> None:
    """Desire a state, and wait until the device has reported it."""
    operator.command(operation="desire", thing=thing, state=state)

    def reported() -> bool:
        found = operator.command(operation="state", thing=thing)
        return not found["delta"] and state.items() <= found["reported"].items()

    eventually(reported, what=f"{state} of {thing}")


def test_a_device_with_the_sdk_of_aws_joins_beside_ours(operator: Operator, fleet: Fleet) -> None:
    from tests.behaviour.stacks.iot.sdk_device import SdkDevice

    settings, endpoint = fleet.settings(SDK), operator.cloud.mqtt()
    device = SdkDevice(endpoint=endpoint.host, port=endpoint.port, ca=endpoint.ca, serial_number=SDK)
    device.claim(settings.claim_file, settings.template)
    eventually(lambda: operator.statuses()["pending"] == 1, what="the identity on the allow-list")

    async def beside_ours() -> None:
        async with fleet:
            fleet.make(OURS, "hygrometer")
            await fleet.start([OURS])
            await asyncio.to_thread(work)
            await fleet.rest([OURS])

    def work() -> None:
        measured = measurement(SDK, temperature=21.5, humidity=50)
        with device.connected() as telemetry:
            telemetry("climate", measured)
            eventually(lambda: operator.latest([SDK]) == {SDK: measured["at"]}, what="the SDK's measurement")
            eventually(lambda: operator.latest([OURS]), what="our measurement")
            assert command(operator, SDK)["result"] == {"by": "sdk"}
            desire(operator, SDK, humidifier=True)
            assert command(operator, OURS)["status"] == "succeeded"
        assert device.commanded == ["ping"]
        assert device.switched["humidifier"] is True

    asyncio.run(beside_ours())
    eventually(lambda: operator.statuses()["active"] == 2, within=60, what="both identities in use")


def test_a_device_in_node_joins_with_an_identity_of_the_production_line(
    operator: Operator, fleet: Fleet, tmp_path: Path
) -> None:
    member = fleet.make(NODE, "chair")
    asyncio.run(fleet.join([NODE]))
    member.outbox.close()
    identity, endpoint = member.store.current(), operator.cloud.mqtt()
    assert identity is not None
    measured = measurement(NODE, movement=0.1, illuminance=300)
    settings = {
        "endpoint": endpoint.host,
        "port": endpoint.port,
        "ca": endpoint.ca,
        "thing": identity.thing,
        "certificate": identity.certificate,
        "certificate_id": identity.certificate_id,
        "key": identity.key,
        **identity.configuration.model_dump(include={"app", "context", "ingest"}),
        "measurement": measured,
    }
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(settings))
    with subprocess.Popen(
        ["node", PROGRAM, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROGRAM.parent
    ) as node:
        assert node.stdout is not None
        assert node.stdin is not None
        assert json.loads(node.stdout.readline()) == {"connected": True}
        eventually(lambda: operator.latest([NODE]) == {NODE: measured["at"]}, what="the measurement")
        assert command(operator, NODE)["result"] == {"by": "node"}
        desire(operator, NODE, lamp=True)
        node.stdin.close()
        said = [json.loads(line) for line in node.stdout]
        assert node.wait(20) == 0
    assert said == [{"commanded": "ping"}, {"switched": {"lamp": True}}]
