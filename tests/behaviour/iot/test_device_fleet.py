"""What a deployed DeviceFleet lets devices do, seen by devices: real MQTT clients with X.509 certificates."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_sqs as sqs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cdp_constructs.iot.device_fleet import DeviceFleet
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from cdp_device.device import Device
from cdp_device.identity import Identity
from cdp_device.provisioning import claim, request_identity
from cdp_device.sensors import SimulatedHygrometer
from cdp_device.session import RejectedError, Session, connect
from cdp_device.settings import Settings


def make_authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vendor")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return key, builder.sign(key, hashes.SHA256())


VENDOR_KEY, VENDOR = make_authority()
VENDOR_PEM = VENDOR.public_bytes(serialization.Encoding.PEM).decode()


@architecture
def sites(stack: Stack) -> None:
    fleet = DeviceFleet(
        stack, "Fleet", app="sensors", contexts=["home", "factory"], removal_policy=RemovalPolicy.DESTROY
    )
    fleet.add_certificate_authority("Vendor", certificate=VENDOR_PEM)
    rule = TopicRule(
        stack,
        "Telemetry",
        sql="SELECT *, topic(4) AS thing FROM 'dt/sensors/+/+/climate'",
        description="Measurements",
    )
    queue = sqs.Queue(stack, "Measured", enforce_ssl=True, visibility_timeout=Duration.seconds(30))
    rule.add_queue(queue)
    fleet.allow_basic_ingest(rule)
    outputs = {
        "AllowList": fleet.table.table_name,
        "Template": fleet.provisioning_template.ref,
        "ClaimPolicy": fleet.claim_policy.ref,
        "MeasuredUrl": queue.queue_url,
        "FactoryGroup": fleet.group_names["factory"],
        "Rule": rule.rule_name,
    }
    for name, value in outputs.items():
        CfnOutput(stack, name, value=value)


class Sites:
    """The deployed fleet, with what an operator and a factory do."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment, folder: Path) -> None:
        self.cloud = cloud
        self.outputs = deployment.outputs["DeviceFleetSites"]
        self.folder = folder
        self.table = cloud.client("dynamodb")
        self.iot = cloud.client("iot")
        self.sqs = cloud.client("sqs")
        self._measured: dict[str, list[dict[str, Any]]] = {}
        address = cloud.mqtt()
        self.host, self.port = address.host, address.port
        self.ca = folder / "ca.pem"
        self.ca.write_text(address.ca)
        made = self.iot.create_keys_and_certificate(setAsActive=True)
        self.iot.attach_policy(policyName=self.outputs["ClaimPolicy"], target=made["certificateArn"])
        self.claim = folder / "claim.pem"
        self.claim.write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])

    def allow(self, serial_number: str, context: str = "home", **more: str) -> None:
        item = {"serial_number": serial_number, "context": context, **more}
        self.table.put_item(
            TableName=self.outputs["AllowList"], Item={key: {"S": value} for key, value in item.items()}
        )

    def listed(self, serial_number: str) -> dict[str, Any]:
        key = {"serial_number": {"S": serial_number}}
        return self.table.get_item(TableName=self.outputs["AllowList"], Key=key, ConsistentRead=True)["Item"]

    def settings(self, serial_number: str, **more: Any) -> Settings:
        return Settings(
            endpoint=self.host,
            port=self.port,
            ca_file=self.ca,
            claim_file=self.claim,
            template=self.outputs["Template"],
            serial_number=serial_number,
            state_folder=self.folder / serial_number,
            **{"interval_seconds": 0.2, **more},
        )

    def measured(self, thing: str) -> list[dict[str, Any]]:
        """Return the measurements of a thing that the rule has sent to the queue so far."""
        url = self.outputs["MeasuredUrl"]
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                body = json.loads(message["Body"])
                self._measured.setdefault(body["thing"], []).append(body)
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return list(self._measured.get(thing, []))

    def pem(self, identity: Identity) -> Path:
        file = self.folder / f"{identity.certificate_id}.pem"
        file.write_text(identity.certificate + identity.key)
        return file


@pytest.fixture(scope="module")
def place(
    local_cloud: LocalCloud,
    deployed: Callable[[Callable[..., Any]], Deployment],
    tmp_path_factory: pytest.TempPathFactory,
) -> Sites:
    return Sites(local_cloud, deployed(sites), tmp_path_factory.mktemp("devices"))


@asynccontextmanager
async def running(device: Device) -> AsyncIterator[Device]:
    """Run a device inside the block."""
    task = asyncio.create_task(device.run())
    waiting = asyncio.create_task(device.connected.wait())
    try:
        await asyncio.wait({task, waiting}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert device.connected.is_set(), task
        yield device
    finally:
        waiting.cancel()
        task.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


async def see(look: Callable[[], Any]) -> Any:
    """Look again, without standing in the way of the devices, until there is something true."""
    return await asyncio.to_thread(eventually, look)


async def is_cut_off(session: Session, act: Awaitable[Any]) -> bool:
    """Tell whether the broker ends the connection because of something that the device does."""
    try:
        await act
        await asyncio.wait({session.ended}, timeout=0.3)
    except aiomqtt.MqttError:
        return True
    return session.ended.done()


def join(place: Sites, serial_number: str, context: str = "home") -> Identity:
    place.allow(serial_number, context)
    return asyncio.run(claim(place.settings(serial_number)))


def lets_in(place: Sites, client_id: str, pem: Path, patience: float = 10) -> bool:
    async def attempt() -> None:
        async with connect(place.settings("any"), client_id, pem, patience=patience):
            pass

    try:
        asyncio.run(attempt())
    except aiomqtt.MqttError:
        return False
    return True


def keeps_out(place: Sites, client_id: str, pem: Path) -> bool:
    # AWS IoT closes without an answer, and the client waits for one.
    return not lets_in(place, client_id, pem, patience=1)


def test_listed_device_joins_by_claim_and_is_what_the_list_says(place: Sites) -> None:
    place.allow("joins", context="factory", kind="chair")
    identity = asyncio.run(claim(place.settings("joins")))
    assert (identity.thing, identity.configuration.context) == ("joins", "factory")
    thing = place.iot.describe_thing(thingName="joins")
    assert thing["attributes"] == {"context": "factory", "kind": "chair"}
    assert place.outputs["FactoryGroup"] in [
        group["groupName"] for group in place.iot.list_thing_groups_for_thing(thingName="joins")["thingGroups"]
    ]
    assert place.listed("joins")["status"]["S"] == "pending"


@pytest.mark.parametrize(
    "item", [None, {"status": "blocked"}, {"context": "elsewhere"}], ids=["unknown", "blocked", "in no context"]
)
def test_other_devices_get_no_identity(place: Sites, item: dict[str, str] | None) -> None:
    serial_number = f"refused-{'-'.join(item or ['unknown'])}"
    if item is not None:
        place.allow(serial_number, **item)
    with pytest.raises(RejectedError) as refused:
        asyncio.run(claim(place.settings(serial_number)))
    assert refused.value.code == "AccessDenied"
    with pytest.raises(place.iot.exceptions.ResourceNotFoundException):
        place.iot.describe_thing(thingName=serial_number)


def test_claim_certificate_is_good_for_claims_only(place: Sites) -> None:
    join(place, "victim")
    assert keeps_out(place, "victim", place.claim)
    assert lets_in(place, "claim-anything", place.claim)

    async def misuse() -> list[bool]:
        outcomes = []
        for topic in ("dt/sensors/home/victim/climate", "cmd/sensors/home/victim/req"):
            async with connect(place.settings("any"), "claim-misuse", place.claim) as session:
                outcomes.append(await is_cut_off(session, session.publish(topic, {})))
        return outcomes

    assert asyncio.run(misuse()) == [True, True]


def test_device_that_lost_power_may_claim_again_but_not_once_its_identity_is_in_use(place: Sites) -> None:
    lost = join(place, "powerless")
    kept = asyncio.run(claim(place.settings("powerless")))
    assert lost.certificate_id != kept.certificate_id
    # At once, not only when the newer one is in use.
    assert keeps_out(place, "powerless", place.pem(lost))

    async def use() -> None:
        device = Device(place.settings("powerless"), SimulatedHygrometer())
        device.store.keep(kept)
        async with running(device):
            await see(lambda: place.listed("powerless")["status"]["S"] == "active")

    asyncio.run(use())
    assert place.listed("powerless")["certificate_id"]["S"] == kept.certificate_id
    assert keeps_out(place, "powerless", place.pem(lost))
    with pytest.raises(RejectedError):
        asyncio.run(claim(place.settings("powerless")))
    assert lets_in(place, "powerless", place.pem(kept))


def test_device_speaks_for_itself_only(place: Sites) -> None:
    join(place, "neighbour")
    pem = place.pem(join(place, "nosy"))
    assert lets_in(place, "nosy", pem)
    assert keeps_out(place, "neighbour", pem)

    async def attempt() -> dict[str, bool]:
        async def ignore(_document: Any) -> None: ...

        outcomes = {}
        for what, topic in {
            "publish as neighbour": "dt/sensors/home/neighbour/climate",
            "publish in another context": "dt/sensors/factory/nosy/climate",
            "answer for neighbour": "cmd/sensors/home/neighbour/res",
            "command neighbour": "cmd/sensors/home/neighbour/req",
            "ingest as neighbour": f"$aws/rules/{place.outputs['Rule']}/dt/sensors/home/neighbour/climate",
            "shadow of neighbour": "$aws/things/neighbour/shadow/update",
        }.items():
            async with connect(place.settings("any"), "nosy", pem) as session:
                outcomes[what] = await is_cut_off(session, session.publish(topic, {"temperature": 99}))
        for what, topic in {
            "hear neighbour's commands": "cmd/sensors/home/neighbour/req",
            "hear all": "#",
            "hear another context": "cmd/sensors/factory/all/req",
        }.items():
            async with connect(place.settings("any"), "nosy", pem) as session:
                outcomes[what] = await refuses(session.subscribe(topic, ignore)) or session.ended.done()
        async with connect(place.settings("any"), "nosy", pem) as session:
            own = session.publish("dt/sensors/home/nosy/climate", {"temperature": 20})
            outcomes["publish as itself"] = await is_cut_off(session, own)
        return outcomes

    outcomes = asyncio.run(attempt())
    assert not outcomes.pop("publish as itself")
    assert all(outcomes.values()), outcomes
    seen = eventually(lambda: place.measured("nosy"))
    assert seen == [{"temperature": 20, "thing": "nosy"}]
    assert place.measured("neighbour") == []


def test_device_cannot_register_another_one(place: Sites) -> None:
    identity = join(place, "ambitious")
    place.allow("unclaimed")

    async def attempt() -> None:
        async with connect(place.settings("any"), "ambitious", place.pem(identity)) as session:
            await request_identity(session, "unclaimed", place.outputs["Template"])

    with pytest.raises(RejectedError):
        asyncio.run(attempt())


def test_rotated_certificate_works_and_the_old_one_does_not(place: Sites) -> None:
    place.allow("rotates")

    async def rotate() -> tuple[Identity, Identity]:
        device = Device(place.settings("rotates"), SimulatedHygrometer(), first_pause=0.1)
        async with running(device):
            old = await device.identity()
            await see(lambda: place.listed("rotates")["status"]["S"] == "active")
            place.cloud.client("iot-data").publish(
                topic="cmd/sensors/home/rotates/req", qos=1, payload=json.dumps({"session": "s", "command": "rotate"})
            )
            await see(lambda: place.listed("rotates")["certificate_id"]["S"] != old.certificate_id)
            return old, await device.identity()

    old, new = asyncio.run(rotate())
    assert place.listed("rotates")["certificate_id"]["S"] == new.certificate_id
    assert eventually(lambda: keeps_out(place, "rotates", place.pem(old)))
    assert lets_in(place, "rotates", place.pem(new))
    assert place.iot.describe_certificate(certificateId=old.certificate_id)["certificateDescription"]["status"] == (
        "INACTIVE"
    )


def test_new_certificate_that_does_not_work_changes_nothing(place: Sites) -> None:
    current = join(place, "careful")

    async def wake_with_a_bad_one() -> Identity:
        device = Device(place.settings("careful"), SimulatedHygrometer(), first_pause=0.1, patience=3)
        device.store.keep(current)
        cert, key = vendor_device(place, "nobody").read_text().split("-----BEGIN PRIVATE KEY-----")
        bad = {"certificate_id": "bad", "certificate": cert, "key": f"-----BEGIN PRIVATE KEY-----{key}"}
        device.store.keep_next(current.model_copy(update=bad))
        async with running(device):
            return await device.identity()

    assert asyncio.run(wake_with_a_bad_one()).certificate_id == current.certificate_id


def test_sleeping_device_gets_its_desired_state_and_its_measurements_are_kept(place: Sites) -> None:
    place.allow("sleeper")
    data = place.cloud.client("iot-data")

    async def sleep_and_wake() -> None:
        settings = place.settings("sleeper")
        async with running(Device(settings, SimulatedHygrometer())):
            pass
        data.update_thing_shadow(
            thingName="sleeper",
            payload=json.dumps({"state": {"desired": {"humidifier": True, "interval_seconds": 0.1}}}),
        )
        asleep = Device(settings, SimulatedHygrometer())
        kept = asleep.measure()
        asleep.outbox.close()
        async with running(Device(settings, SimulatedHygrometer())):
            await see(lambda: reported().get("humidifier") is True and reported()["interval_seconds"] == 0.1)
            await see(lambda: kept["message_id"] in [message["message_id"] for message in place.measured("sleeper")])

    def reported() -> dict[str, Any]:
        state = json.loads(data.get_thing_shadow(thingName="sleeper")["payload"].read())["state"]
        return state.get("reported", {})

    asyncio.run(sleep_and_wake())


def test_device_of_an_own_ca_registers_at_its_first_connection(place: Sites) -> None:
    place.allow("vendors", "factory")
    listed, unlisted = (vendor_device(place, name) for name in ("vendors", "strangers"))
    assert keeps_out(place, "vendors", listed)
    assert eventually(lambda: lets_in(place, "vendors", listed, patience=1), what="registration")
    assert place.iot.describe_thing(thingName="vendors")["attributes"]["context"] == "factory"
    assert place.listed("vendors")["status"]["S"] == "active"

    async def speak() -> bool:
        async with connect(place.settings("any"), "vendors", listed) as session:
            return await is_cut_off(session, session.publish("dt/sensors/factory/vendors/climate", {}))

    assert not asyncio.run(speak())
    assert keeps_out(place, "strangers", unlisted)
    eventually(lambda: "INACTIVE" in [c["status"] for c in place.iot.list_certificates()["certificates"]])
    assert keeps_out(place, "strangers", unlisted)


def vendor_device(place: Sites, serial_number: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, serial_number)])
    now = dt.datetime.now(dt.UTC)
    number = x509.random_serial_number()
    builder = x509.CertificateBuilder(VENDOR.subject, name, key.public_key(), number, now, now + dt.timedelta(1))
    certificate = builder.sign(VENDOR_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = place.folder / f"{serial_number}.pem"
    file.write_bytes(certificate + private)
    return file


async def refuses(act: Awaitable[Any]) -> bool:
    try:
        await act
    except aiomqtt.MqttError:
        return True
    return False
