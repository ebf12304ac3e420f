"""The owner of a device: has its certificate and key, and every topic to try them on."""

import asyncio
import datetime as dt
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cdp_constructs.testing import eventually
from cdp_device.identity import Identity
from tests.security.devices import Devices, is_cut_off, publish_bytes, see

OWN, VICTIM, NEIGHBOUR = "own-01", "victim-01", "neighbour-01"


@pytest.fixture(scope="module")
def own(devices: Devices) -> Identity:
    """The device of the attacker."""
    return devices.join(OWN)


@pytest.fixture(scope="module")
def victim(devices: Devices) -> Identity:
    """Somebody else's device at the same site."""
    return devices.join(VICTIM)


@pytest.fixture(scope="module")
def neighbour(devices: Devices) -> Identity:
    """Another device that must go on working."""
    return devices.join(NEIGHBOUR)


def rule(devices: Devices, kind: str) -> str:
    return devices.operator.part({"climate": "TelemetryClimateRule", "seat": "TelemetrySeatRule"}[kind])


@asynccontextmanager
async def listening(devices: Devices, victim: Identity) -> AsyncIterator[list[Any]]:
    """Let the victim hear everything that it may; yields what it hears."""
    heard: list[Any] = []

    async def hear(document: Any) -> None:
        heard.append(document)

    async with devices.connected(victim.thing, devices.pem(victim)) as session:
        topics = victim.configuration.topics()
        for topic in (
            topics.command("home", victim.thing),
            topics.broadcast("home"),
            topics.broadcast(),
            f"$aws/things/{victim.thing}/shadow/update/delta",
            f"$aws/things/{victim.thing}/jobs/notify-next",
        ):
            await session.subscribe(topic, hear)
        yield heard
        assert not session.ended.done(), "the victim was disconnected"


# --- publishing

FOREIGN_TOPICS = [
    "dt/sensors/home/victim-01/climate",
    "dt/sensors/factory/own-01/climate",
    "dt/sensors/home/victim-01/alert",
    "dt/sensors/factory/own-01/alert",
    "dt/other/home/own-01/climate",
    "dt/sensors/home/own-01",
    "cmd/sensors/home/victim-01/req",
    "cmd/sensors/home/victim-01/res",
    "cmd/sensors/factory/own-01/res",
    "cmd/sensors/home/own-01/req",
    "cmd/sensors/home/all/req",
    "cmd/sensors/all/all/req",
    "$aws/things/victim-01/shadow/update",
    "$aws/things/victim-01/shadow/get",
    "$aws/things/victim-01/shadow/delete",
    "$aws/things/victim-01/shadow/name/secret/update",
    "$aws/things/victim-01/jobs/get",
    "$aws/things/victim-01/jobs/start-next",
    "$aws/things/victim-01/jobs/some/update",
    "$aws/events/presence/connected/victim-01",
    "$aws/events/certificates/registered/0123",
    "$aws/events/thing/victim-01/updated",
    "$aws/certificates/create/json",
    "$aws/provisioning-templates/other/provision/json",
    "$aws/rules/{climate}/dt/sensors/home/victim-01/climate",
    "$aws/rules/{climate}/dt/sensors/factory/own-01/climate",
    "$aws/rules/{climate}/dt/sensors/home/own-01/seat",
    "$aws/rules/{seat}/dt/sensors/home/own-01/climate",
    "$aws/rules/{answers}/cmd/sensors/home/own-01/res",
    "$aws/rules/{answers}/cmd/sensors/home/victim-01/res",
    "$aws/rules/{climate}",
    "$aws/rules/{climate}/",
]


@pytest.mark.parametrize("topic", FOREIGN_TOPICS)
def test_it_publishes_as_itself_only(devices: Devices, own: Identity, victim: Identity, topic: str) -> None:
    names = {"climate": rule(devices, "climate"), "seat": rule(devices, "seat")}
    topic = topic.format(**names, answers=devices.operator.part("CommandsAnswersRule"))
    forged = {"message_id": "forged", "at": 1, "temperature": 99, "state": {"reported": {"forged": 1}}}

    async def attempt() -> tuple[bool, bool, list[Any]]:
        async with listening(devices, victim) as heard, devices.connected(OWN, devices.pem(own)) as session:
            allowed = await is_cut_off(session, session.publish("dt/sensors/home/own-01/other", forged))
            return allowed, await is_cut_off(session, session.publish(topic, forged)), heard

    assert asyncio.run(attempt()) == (False, True, [])
    assert devices.shadow(VICTIM) is None
    assert devices.shadow(VICTIM, "secret") is None
    assert devices.operator.latest([VICTIM]) == {}


def test_it_writes_its_own_shadows_only(devices: Devices, own: Identity) -> None:
    async def report() -> None:
        async with devices.connected(OWN, devices.pem(own)) as session:
            for name in ("", "/name/secret"):
                await session.ask(f"$aws/things/{OWN}/shadow{name}/update", {"state": {"reported": {"mine": 1}}})

    asyncio.run(report())
    assert [(devices.shadow(OWN, name) or {})["state"]["reported"] for name in ("", "secret")] == [{"mine": 1}] * 2
    assert devices.shadow(VICTIM) is None


def test_it_leaves_no_retained_messages_and_no_will_elsewhere(
    devices: Devices, own: Identity, victim: Identity
) -> None:
    mine, foreign = "dt/sensors/home/own-01/other", "cmd/sensors/home/victim-01/req"

    async def retain(*, retained: bool) -> bool:
        try:
            async with devices.raw(OWN, devices.pem(own), patience=2) as client:
                await client.publish(mine, b"{}", qos=1, retain=retained)
                await client.publish(mine, b"{}", qos=1)
        except aiomqtt.MqttError:
            return False
        return True

    async def bequeath(topic: str) -> bool:
        try:
            async with devices.raw(OWN, devices.pem(own), patience=2, will=aiomqtt.Will(topic, b'{"forged": 1}', 1)):
                pass
        except aiomqtt.MqttError:
            return False
        return True

    async def attempt() -> list[Any]:
        async with listening(devices, victim) as heard:
            assert [await retain(retained=retained) for retained in (False, True)] == [True, False]
            assert [await bequeath(topic) for topic in (mine, foreign)] == [True, False]
            await asyncio.sleep(0.5)
            return heard

    assert asyncio.run(attempt()) == []
    assert devices.operator.client("iot-data").list_retained_messages()["retainedTopics"] == []


# --- subscribing

FOREIGN_FILTERS = [
    *("#", "+", "+/#", "+/+/+/+/+", "dt/#", "cmd/#", "cmd/sensors/#", "cmd/+/home/own-01/req"),
    "cmd/sensors/home/+/req",
    "cmd/sensors/+/all/req",
    "cmd/sensors/home/victim-01/req",
    "cmd/sensors/home/victim-01/res",
    "cmd/sensors/home/own-01/res",
    "cmd/sensors/factory/own-01/req",
    "cmd/sensors/factory/all/req",
    "dt/sensors/home/victim-01/#",
    "dt/sensors/home/own-01/climate",
    *("$aws/#", "$aws/events/#", "$aws/events/presence/connected/+", "$aws/rules/#", "$aws/things/#"),
    "$aws/things/+/shadow/update/accepted",
    "$aws/things/victim-01/shadow/#",
    "$aws/things/victim-01/shadow/name/secret/update/documents",
    "$aws/things/victim-01/jobs/#",
    "$aws/things/+/jobs/notify",
    "$aws/provisioning-templates/+/provision/json/accepted",
    "$aws/certificates/+/json/accepted",
    "$share/group/#",
    "$share/group/cmd/sensors/home/victim-01/req",
    "$share/group/cmd/sensors/home/+/req",
    "$share/group/$aws/things/victim-01/shadow/update/delta",
]


@pytest.mark.parametrize("topic_filter", FOREIGN_FILTERS)
def test_it_hears_what_is_for_it_only(devices: Devices, own: Identity, victim: Identity, topic_filter: str) -> None:
    heard: list[Any] = []

    async def hear(document: Any) -> None:
        heard.append(document)

    async def attempt() -> tuple[bool, bool]:
        async with devices.connected(OWN, devices.pem(own)) as session:
            allowed = await is_cut_off(session, session.subscribe("cmd/sensors/home/own-01/req", hear), within=0.1)
            refused = await is_cut_off(session, session.subscribe(topic_filter, hear))
            tell(devices, victim.thing)
            await asyncio.sleep(0.1)
            return allowed, refused

    assert asyncio.run(attempt()) == (False, True)
    assert heard == []


def tell(devices: Devices, thing: str) -> None:
    """Publish a command, as the back end does."""
    topic = f"cmd/sensors/home/{thing}/req"
    devices.operator.client("iot-data").publish(topic=topic, qos=1, payload=b'{"secret": 1}')


def test_a_command_reaches_its_device_alone(devices: Devices, own: Identity, victim: Identity) -> None:
    async def attempt() -> tuple[list[Any], list[Any]]:
        mine: list[Any] = []

        async def hear(document: Any) -> None:
            mine.append(document)

        async with listening(devices, victim) as heard, devices.connected(OWN, devices.pem(own)) as session:
            await session.subscribe("cmd/sensors/home/own-01/req", hear)
            await asyncio.to_thread(tell, devices, VICTIM)
            await see(lambda: heard, "the victim's command")
            await asyncio.to_thread(tell, devices, OWN)
            await see(lambda: mine, "the own command")
            return heard, mine

    assert asyncio.run(attempt()) == ([{"secret": 1}], [{"secret": 1}])


# --- connecting


@pytest.mark.parametrize(
    "client_id", [VICTIM, "unknown-01", "all", "claim-own-01", "own-01 ", "OWN-01", "own-0", "+", "#", "$aws"]
)
def test_it_connects_under_its_own_name_only(devices: Devices, own: Identity, victim: Identity, client_id: str) -> None:
    async def attempt() -> None:
        async with listening(devices, victim):
            for name, lets_in in ((OWN, True), (client_id, False)):
                assert await asyncio.to_thread(devices.lets_in, name, devices.pem(own), patience=1.5) is lets_in

    asyncio.run(attempt())


def test_a_certificate_of_its_own_making_opens_nothing(devices: Devices, own: Identity) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, OWN)])
    now = dt.datetime.now(dt.UTC)
    number = x509.random_serial_number()
    builder = x509.CertificateBuilder(name, name, key.public_key(), number, now, now + dt.timedelta(1))
    file = devices.folder / "self-signed.pem"
    file.write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    assert devices.lets_in(OWN, devices.pem(own))
    assert devices.keeps_out(OWN, file)


def test_without_tls_the_connection_is_closed_without_an_answer(devices: Devices) -> None:
    hello = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(OWN).to_bytes(2, "big") + OWN.encode()
    with socket.create_connection((devices.host, devices.port), timeout=5) as plain:
        plain.sendall(b"\x10" + len(hello).to_bytes(1, "big") + hello)
        try:
            answer = plain.recv(100)
        except ConnectionResetError:
            answer = b""
    # A TLS alert at most, never CONNACK.
    assert answer[:1] in {b"", b"\x15"}


# --- what it says about itself, and about others


def test_name_site_and_time_of_a_measurement_are_those_of_the_broker(
    devices: Devices, own: Identity, victim: Identity
) -> None:
    topic = own.configuration.telemetry_topic(OWN, "climate")
    assert topic.startswith("$aws/rules/")
    now = int(time.time() * 1000)
    lie = {"thing": VICTIM, "context": "factory", "type": "seat", "received_at": 1}

    async def measure() -> None:
        async with devices.connected(OWN, devices.pem(own)) as session:
            await session.publish(topic, {"message_id": "lie", "at": now, "temperature": 21, **lie})

    asyncio.run(measure())
    eventually(lambda: devices.operator.latest([OWN]) == {OWN: now}, what="the measurement")
    assert devices.operator.latest([VICTIM]) == {}
    table = devices.operator.part("TelemetrySpeedTable")
    key = {"pk": {"S": f"THING#{OWN}"}, "sk": {"S": "LATEST"}}
    item = devices.operator.client("dynamodb").get_item(TableName=table, Key=key)["Item"]
    state = json.loads(item["state"]["S"])
    assert (state["context"], state["type"]) == ("home", "climate")
    assert abs(state["fields"]["received_at"]["value"] - now) < 60_000
    assert victim.thing == VICTIM


def test_it_cannot_end_a_command_of_another(devices: Devices, own: Identity, victim: Identity) -> None:
    command = devices.operator.command(operation="send", thing=VICTIM, command="ping")
    mine = devices.operator.command(operation="send", thing=OWN, command="ping")
    forged = {"status": "succeeded", "result": {"forged": 1}, "thing": VICTIM, "context": "home"}

    async def respond(identity: Identity, *answers: dict[str, Any]) -> None:
        async with devices.connected(identity.thing, devices.pem(identity)) as session:
            for answer in answers:
                await session.publish(identity.configuration.topics().response("home", identity.thing), answer)

    asyncio.run(respond(own, {**forged, "session": command["session"]}, {**forged, "session": mine["session"]}))
    eventually(lambda: ended(devices, mine) == "succeeded", what="the end of the own command, which came later")
    assert ended(devices, command) == "pending"
    asyncio.run(respond(victim, {"session": command["session"], "status": "rejected"}))
    eventually(lambda: ended(devices, command) == "rejected", what="the end of the command, as its device says")


def ended(devices: Devices, command: dict[str, Any]) -> str:
    return str(devices.operator.command(operation="status", session=command["session"])["status"])


# --- payloads that nothing can be made of

NOW = b"%d" % int(time.time() * 1000)
MALFORMED = [
    b"",
    b"no json",
    b"[]",
    b"null",
    b"\xff\xfe\x00",
    b"[" * 50_000,
    b'{"at": ' * 500 + b"1" + b"}" * 500,
    b'{"at": NaN, "temperature": 20}',
    b'{"at": ' + NOW + b', "temperature": NaN}',
    b'{"at": ' + NOW + b', "temperature": Infinity}',
    b'{"at": ' + NOW + b', "temperature": 1e999}',
    b'{"at": ' + NOW + b', "temperature": ' + b"9" * 4000 + b"}",
    b'{"at": ' + b"9" * 4000 + b', "temperature": 20}',
    b'{"at": 99999999999999, "temperature": 20}',
    b'{"at": -1, "temperature": 20}',
    b'{"at": ' + NOW + b', "temperature": "hot"}',
    b'{"at": ' + NOW + b', "temperature": [20]}',
    b'{"message_id": "' + b"x" * 100_000 + b'", "at": ' + NOW + b"}",
]


def test_measurements_that_cannot_be_read_are_rejected_while_a_neighbour_s_is_recorded(
    devices: Devices, own: Identity, neighbour: Identity
) -> None:
    before = devices.operator.latest([OWN])
    topic = own.configuration.telemetry_topic(OWN, "climate")

    async def measure() -> int:
        await publish_bytes(devices, OWN, devices.pem(own), topic, MALFORMED)
        at = int(time.time() * 1000)
        async with devices.connected(NEIGHBOUR, devices.pem(neighbour)) as session:
            measured = {"message_id": "good", "at": at, "temperature": 20}
            await session.publish(neighbour.configuration.telemetry_topic(NEIGHBOUR, "climate"), measured)
        return at

    at = asyncio.run(measure())
    eventually(lambda: devices.operator.latest([NEIGHBOUR]) == {NEIGHBOUR: at}, what="the neighbour's measurement")
    rejected = eventually(lambda: rejections(devices) or None, what="the rejected measurements")
    assert {record["partition_key"] for record in rejected} == {OWN}
    assert devices.operator.latest([OWN]) == before
    assert devices.waiting("TelemetrySpeedDeadLetterQueue") == 0
    assert devices.waiting("TelemetryClimateRuleErrorQueue") == 0


def rejections(devices: Devices) -> list[dict[str, Any]]:
    """Return the rejected records, once all of them are there."""
    found = devices.operator.rejected()
    # What is no JSON object does not become a record of a rule that adds fields to it.
    return found if len(found) >= sum(payload.startswith(b'{"') for payload in MALFORMED) else []


ANSWERS = [
    b'{"nothing": 1}',
    '{"nothing": "\uffff"}'.encode(),
    b"no json",
    b"",
    b"[]",
    b"[" * 50_000,
    b'{"session": ' * 500 + b"1" + b"}" * 500,
    b'{"session": NaN, "status": "succeeded"}',
    b'{"session": "s", "status": "succeeded", "result": 1e999}',
    b'{"session": "' + b"x" * 100_000 + b'", "status": "succeeded"}',
    b'{"session": "", "status": "succeeded"}',
    b'{"session": ["s"], "status": ["succeeded"]}',
    b"\xff\xfe\x00",
]


def test_answers_that_cannot_be_read_raise_no_alarm_while_a_neighbour_s_is_recorded(
    devices: Devices, own: Identity, neighbour: Identity
) -> None:
    before = len(devices.metric("CommandsOutcomeFunction", "RejectedResponses"))
    command = devices.operator.command(operation="send", thing=NEIGHBOUR, command="ping")

    async def respond() -> None:
        await publish_bytes(devices, OWN, devices.pem(own), "cmd/sensors/home/own-01/res", ANSWERS)
        async with devices.connected(NEIGHBOUR, devices.pem(neighbour)) as session:
            answer = {"session": command["session"], "status": "succeeded", "result": "\uffff"}
            await session.publish(f"cmd/sensors/home/{NEIGHBOUR}/res", answer)

    asyncio.run(respond())
    eventually(lambda: ended(devices, command) == "succeeded", what="the neighbour's answer")

    def counted() -> int:
        lines = devices.metric("CommandsOutcomeFunction", "RejectedResponses")[before:]
        return sum(int(sum(line["RejectedResponses"])) for line in lines)

    least = sum(payload.startswith(b"{") for payload in ANSWERS)
    eventually(lambda: counted() >= least, what="the metric of rejected answers")
    # One that failed would be in the queue for minutes, and then in the dead-letter queue.
    eventually(lambda: devices.waiting("CommandsQueue") == 0, what="an empty queue")
    assert devices.waiting("CommandsDeadLetterQueue") == 0
    assert devices.waiting("CommandsAnswersErrorQueue") == 0


def test_its_reports_reach_the_operators_of_its_site_under_its_name_and_hold_up_no_neighbour_s(
    devices: Devices, own: Identity, neighbour: Identity
) -> None:
    lie = json.dumps({"alert": "SensorFailed", "thing": VICTIM, "context": "factory", "type": "seat"}).encode()

    async def report() -> None:
        await publish_bytes(devices, OWN, devices.pem(own), f"dt/sensors/home/{OWN}/alert", [*ANSWERS, lie])
        good = [b'{"alert": "SensorFailed"}']
        await publish_bytes(devices, NEIGHBOUR, devices.pem(neighbour), f"dt/sensors/home/{NEIGHBOUR}/alert", good)

    def heard() -> list[dict[str, Any]]:
        found = devices.operator.reports("home")
        return found if {OWN, NEIGHBOUR} <= {one["thing"] for one in found if one.get("alert")} else []

    asyncio.run(report())
    received = eventually(heard, what="both reports")
    senders = {(one["thing"], one["context"], one["type"]) for one in received}
    assert senders == {(OWN, "home", "alert"), (NEIGHBOUR, "home", "alert")}
    assert devices.operator.reports("factory") == []
    assert devices.waiting("SiteOperatorsReportsRuleErrorQueue") == 0


def test_reports_of_a_certificate_in_use_take_nothing_from_the_payload(
    devices: Devices, own: Identity, victim: Identity
) -> None:
    lie = json.dumps({"thing": VICTIM, "certificate_id": own.certificate_id}).encode()
    topic = own.configuration.telemetry_topic(OWN, "certificate")
    payloads = [lie, b"", b"no json", b"[" * 50_000, b'{"thing": NaN}', b"\xff"]
    asyncio.run(publish_bytes(devices, OWN, devices.pem(own), topic, payloads))
    eventually(lambda: devices.listed(OWN)["status"]["S"] == "active", what="the own certificate in use")
    eventually(lambda: devices.waiting("FleetQueue") == 0, what="the work on all of it")
    assert devices.listed(VICTIM)["status"]["S"] == "pending"
    assert devices.status(victim) == "ACTIVE"
    assert devices.waiting("FleetDeadLetterQueue") == 0
    assert devices.waiting("FleetCertificateInUseErrorQueue") == 0


def test_nobody_sees_the_history_of_all_by_a_name_with_quotes(devices: Devices) -> None:
    for name in ("' OR '1'='1", "x' UNION SELECT 1 --", 'x"; DROP TABLE telemetry; --'):
        assert devices.operator.history(name, 60)["minutes"] == []
