"""IoT Core: how connections end, by the API and with their certificate."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from cdp_device.session import Session, connect
from cdp_device.settings import Settings

CLIENT = "ends"
ARN = "arn:aws:iot:us-east-1:000000000000"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}


@pytest.fixture
def certificate(cloud: LocalCloud, tmp_path: Path) -> str:
    iot = cloud.client("iot")
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.create_policy(policyName=made["certificateId"], policyDocument=json.dumps(POLICY))
    iot.attach_policy(policyName=made["certificateId"], target=made["certificateArn"])
    (tmp_path / "device.pem").write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
    return str(made["certificateId"])


@pytest.fixture
def ends(cloud: LocalCloud, tmp_path: Path, certificate: str) -> Callable[[Callable[[], Any]], bool]:
    """Tells whether a connection ends because of something that is done meanwhile."""
    del certificate
    address = cloud.mqtt()
    (tmp_path / "ca.pem").write_text(address.ca)
    settings = Settings(
        endpoint=address.host,
        port=address.port,
        ca_file=tmp_path / "ca.pem",
        claim_file=tmp_path / "device.pem",
        template="none",
        serial_number=CLIENT,
        state_folder=tmp_path,
    )

    async def attempt(act: Callable[[], Any]) -> bool:
        async with connect(settings, CLIENT, settings.claim_file) as session:
            await _alive(session)
            await asyncio.to_thread(act)
            await asyncio.wait({session.ended}, timeout=1)
            return session.ended.done()

    return lambda act: asyncio.run(attempt(act))


async def _alive(session: Session) -> None:
    await session.publish("anything", {})
    assert not session.ended.done()


def test_connection_is_deleted(cloud: LocalCloud, ends: Callable[[Callable[[], Any]], bool]) -> None:
    data = cloud.client("iot-data")
    assert not ends(lambda: None)
    assert ends(lambda: data.delete_connection(clientId=CLIENT, cleanSession=True, preventWillMessage=True))
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.delete_connection(clientId=CLIENT)


def test_connection_ends_with_its_certificate(
    cloud: LocalCloud, certificate: str, ends: Callable[[Callable[[], Any]], bool]
) -> None:
    iot = cloud.client("iot")
    assert not ends(lambda: iot.update_certificate(certificateId=certificate, newStatus="ACTIVE"))
    assert ends(lambda: iot.update_certificate(certificateId=certificate, newStatus="INACTIVE"))


def test_permission_is_on_the_client(cloud: LocalCloud, ends: Callable[[Callable[[], Any]], bool]) -> None:
    iam, sts = cloud.client("iam"), cloud.client("sts")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    role = iam.create_role(RoleName="ending", AssumeRolePolicyDocument=json.dumps(trust))["Role"]

    def allow(client: str) -> Any:
        statement = {"Effect": "Allow", "Action": "iot:DeleteConnection", "Resource": f"{ARN}:client/{client}"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_role_policy(RoleName="ending", PolicyName="ending", PolicyDocument=json.dumps(document))
        credentials = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="ending")["Credentials"]
        return cloud.client("iot-data", credentials=credentials)

    with pytest.raises(ClientError, match="ForbiddenException"):
        allow("another").delete_connection(clientId=CLIENT)
    permitted = allow(CLIENT)
    assert ends(lambda: permitted.delete_connection(clientId=CLIENT))
