"""IoT Core: who gets an MQTT session over TLS and over WebSocket, and what policies allow in it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from cryptography.hazmat.primitives import serialization

from cdp_constructs.local import LocalCloud
from tests.local.services.iot.mqtt import CONNACK, Signer, answer, endpoint, over_web_socket
from tests.local.services.iot.test_devices import authority, device_of

TOKYO, VIRGINIA = "ap-northeast-1", "us-east-1"
ARN = f"arn:aws:iot:{TOKYO}:000000000000"
OWN = [
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{ARN}:client/meter"},
    {"Effect": "Allow", "Action": "iot:Publish", "Resource": f"{ARN}:topic/meter/*"},
    {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{ARN}:topicfilter/*"},
    {"Effect": "Allow", "Action": "iot:Receive", "Resource": f"{ARN}:topic/meter/mine"},
]


@pytest.fixture(scope="module")
def certificate(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A certificate of Tokyo and its id; its policy is `OWN`."""
    iot = cloud.client("iot", region=TOKYO)
    made = iot.create_keys_and_certificate(setAsActive=True)
    document = json.dumps({"Version": "2012-10-17", "Statement": OWN})
    iot.create_policy(policyName="metering", policyDocument=document)
    iot.attach_policy(policyName="metering", target=made["certificateArn"])
    pem = tmp_path_factory.mktemp("meter") / "meter.pem"
    pem.write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
    return made["certificateId"], pem


def test_without_a_certificate_nobody_gets_a_session(cloud: LocalCloud) -> None:
    assert answer(cloud, "meter") == b""
    for region in (TOKYO, VIRGINIA):
        assert answer(cloud, "meter", server_name=endpoint(cloud, region)) == b""


def test_a_certificate_that_is_not_registered_opens_nothing(cloud: LocalCloud, tmp_path: Path) -> None:
    key, own = authority()
    self_signed = tmp_path / "self.pem"
    self_signed.write_bytes(
        own.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    stranger = tmp_path / "stranger.pem"
    stranger.write_text(device_of(key, own, "meter"))
    deleted = tmp_path / "deleted.pem"
    iot = cloud.client("iot", region=TOKYO)
    made = iot.create_keys_and_certificate(setAsActive=False)
    deleted.write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
    iot.delete_certificate(certificateId=made["certificateId"])
    assert [answer(cloud, "meter", pem) for pem in (self_signed, stranger, deleted)] == [b"", b"", b""]


def test_only_an_active_certificate_opens_a_session(cloud: LocalCloud, certificate: tuple[str, Path]) -> None:
    identifier, pem = certificate
    iot = cloud.client("iot", region=TOKYO)
    answers = {}
    for status in ("INACTIVE", "REVOKED", "ACTIVE"):
        iot.update_certificate(certificateId=identifier, newStatus=status)
        answers[status] = answer(cloud, "meter", pem)
    assert answers == {"INACTIVE": b"", "REVOKED": b"", "ACTIVE": CONNACK}


def test_a_certificate_opens_the_endpoint_of_its_own_region_only(
    cloud: LocalCloud, certificate: tuple[str, Path]
) -> None:
    answers = {
        region: answer(cloud, "meter", certificate[1], server_name=endpoint(cloud, region))
        for region in (TOKYO, VIRGINIA)
    }
    assert answers == {TOKYO: CONNACK, VIRGINIA: b""}


def test_the_policy_decides_in_a_region_that_is_not_the_default_one(
    cloud: LocalCloud, certificate: tuple[str, Path]
) -> None:
    assert answer(cloud, "meter", certificate[1]) == CONNACK
    assert answer(cloud, "other", certificate[1]) == b""


def test_over_web_socket_only_a_signature_that_verifies_opens_a_session(cloud: LocalCloud) -> None:
    host, elsewhere = endpoint(cloud, TOKYO), endpoint(cloud, VIRGINIA)
    signer = Signer.user(cloud, "verifier", TOKYO, {"Effect": "Allow", "Action": "iot:*", "Resource": "*"})
    signed = signer.query(host)
    forged = f"{signed[:-4]}0000"
    queries = {
        "signed": (host, signed),
        "unsigned": (host, ""),
        "forged": (host, forged),
        "root, by its old key": (host, forged.replace(signer.key, "test")),
        "root, by the account": (host, forged.replace(signer.key, "000000000000")),
        "signed with another secret": (host, Signer(signer.key, "guessed", TOKYO).query(host)),
        "of another Region": (elsewhere, signer.query(elsewhere)),
        "sent to another Region": (elsewhere, signed),
    }

    async def connects(host: str, query: str) -> bool:
        try:
            async with over_web_socket(cloud, "verifier", host, query):
                return True
        except aiomqtt.MqttError:
            return False

    outcome = {name: asyncio.run(connects(*query)) for name, query in queries.items()}
    assert outcome == {name: name == "signed" for name in queries}


Act = Callable[[aiomqtt.Client], Awaitable[Any]]


def test_over_web_socket_the_policy_of_the_signer_decides(cloud: LocalCloud) -> None:
    host = endpoint(cloud, TOKYO)
    signer = Signer.user(cloud, "metering", TOKYO, *OWN)

    async def allowed(act: Act, client_id: str = "meter") -> bool:
        try:
            async with over_web_socket(cloud, client_id, host, signer.query(host)) as client:
                await act(client)
        except aiomqtt.MqttError:
            return False
        return True

    async def nothing(_client: aiomqtt.Client) -> None: ...

    def publishing(topic: str) -> Act:
        return lambda client: client.publish(topic, "1", qos=1)

    async def hears(topic: str) -> bool:
        async with over_web_socket(cloud, "meter", host, signer.query(host)) as client:
            await client.subscribe("meter/#", qos=1)
            await client.publish(topic, "1", qos=1)
            await client.publish("meter/mine", "end", qos=1)
            return str((await anext(client.messages)).topic) == topic

    assert asyncio.run(allowed(nothing))
    assert not asyncio.run(allowed(nothing, client_id="other"))
    assert asyncio.run(allowed(publishing("meter/power")))
    assert not asyncio.run(allowed(publishing("others/power")))
    assert asyncio.run(hears("meter/mine"))
    assert not asyncio.run(hears("meter/power"))
