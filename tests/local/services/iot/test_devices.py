"""IoT Core, the devices' side: who may connect, what policy variables stand for, how a device gets a certificate."""

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cdp_constructs.local import LocalCloud
from cdp_device.identity import make_key, signing_request
from cdp_device.session import RejectedError, Session, connect
from cdp_device.settings import Settings

ARN = "arn:aws:iot:us-east-1:000000000000"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{ARN}:client/${{iot:Connection.Thing.ThingName}}"},
        {
            "Effect": "Allow",
            "Action": "iot:Publish",
            "Resource": [
                f"{ARN}:topic/${{iot:Connection.Thing.Attributes[site]}}/${{iot:Connection.Thing.ThingTypeName}}",
                f"{ARN}:topic/$aws/certificates/create-from-csr/json",
            ],
        },
        {"Effect": "Allow", "Action": ["iot:Subscribe", "iot:Receive"], "Resource": f"{ARN}:*/$aws/certificates/*"},
    ],
}


@pytest.fixture
def settings(cloud: LocalCloud, tmp_path: Path) -> Settings:
    address = cloud.mqtt()
    (tmp_path / "ca.pem").write_text(address.ca)
    return Settings(
        endpoint=address.host,
        port=address.port,
        ca_file=tmp_path / "ca.pem",
        claim_file=tmp_path / "device.pem",
        template="none",
        serial_number="none",
        state_folder=tmp_path,
    )


@pytest.fixture
def thing(cloud: LocalCloud, tmp_path: Path) -> str:
    iot = cloud.client("iot")
    iot.create_thing_type(thingTypeName="conforming")
    iot.create_thing(
        thingName="conformant", thingTypeName="conforming", attributePayload={"attributes": {"site": "tokyo"}}
    )
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.create_policy(policyName="conforming", policyDocument=json.dumps(POLICY))
    iot.attach_policy(policyName="conforming", target=made["certificateArn"])
    iot.attach_thing_principal(thingName="conformant", principal=made["certificateArn"])
    (tmp_path / "device.pem").write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
    return "conformant"


def test_variables_of_the_thing_signing_requests_and_deactivation(
    cloud: LocalCloud, settings: Settings, thing: str
) -> None:
    async def works(act: Callable[[Session], Any]) -> bool:
        try:
            async with connect(settings, thing, settings.claim_file, patience=3) as session:
                await act(session)
        except aiomqtt.MqttError:
            return False
        return True

    async def nothing(_session: Session) -> None: ...

    assert asyncio.run(works(lambda session: session.publish("tokyo/conforming", {})))
    assert not asyncio.run(works(lambda session: session.publish("osaka/conforming", {})))
    assert not asyncio.run(works(lambda session: session.publish("tokyo/other", {})))

    async def sign() -> tuple[str, Any]:
        key = make_key()
        async with connect(settings, thing, settings.claim_file) as session:
            answer = await session.ask(
                "$aws/certificates/create-from-csr/json", {"certificateSigningRequest": signing_request(key, thing)}
            )
            with pytest.raises(RejectedError, match="InvalidCertificateSigningRequest"):
                await session.ask("$aws/certificates/create-from-csr/json", {"certificateSigningRequest": "none"})
        return key, answer

    key, answer = asyncio.run(sign())
    issued = x509.load_pem_x509_certificate(answer["certificatePem"].encode())
    private_key = serialization.load_pem_private_key(key.encode(), None)
    assert issued.public_key() == private_key.public_key()
    description = cloud.client("iot").describe_certificate(certificateId=answer["certificateId"])
    assert description["certificateDescription"]["status"] == "PENDING_ACTIVATION"
    assert answer["certificateOwnershipToken"]

    [principal] = cloud.client("iot").list_thing_principals(thingName=thing)["principals"]
    cloud.client("iot").update_certificate(certificateId=principal.rpartition("/")[2], newStatus="INACTIVE")
    assert not asyncio.run(works(nothing))


def test_certificate_of_a_registered_ca_is_reported_at_its_first_connection(
    cloud: LocalCloud, settings: Settings, eventually: Callable[..., Any]
) -> None:
    ca_key, ca = authority()
    iot = cloud.client("iot")
    iot.register_ca_certificate(
        caCertificate=ca.public_bytes(serialization.Encoding.PEM).decode(),
        setAsActive=True,
        allowAutoRegistration=True,
        certificateMode="SNI_ONLY",
    )
    settings.claim_file.write_text(device_of(ca_key, ca, "just-in-time"))

    async def attempt() -> None:
        async with connect(settings, "just-in-time", settings.claim_file, patience=1):
            pass

    with pytest.raises(aiomqtt.MqttError):
        asyncio.run(attempt())
    pending = eventually(
        lambda: [c for c in iot.list_certificates()["certificates"] if c["status"] == "PENDING_ACTIVATION"]
    )
    assert pending


def authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vendor")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def device_of(ca_key: ec.EllipticCurvePrivateKey, ca: x509.Certificate, common_name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        ca.subject, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
    )
    pem = builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (pem + private).decode()
