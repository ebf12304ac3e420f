"""An MQTT client that does what its policy does not allow."""

import asyncio
import uuid

import aiomqtt

from cdp_constructs.local import LocalCloud
from tests.local.services.iot.mqtt import Signer, endpoint, over_web_socket

_KNOWN = "known"
_signers: dict[tuple[str, str], Signer] = {}


def _signer(cloud: LocalCloud, region: str) -> Signer:
    """Return somebody who may connect as one client, and nothing else."""
    key = (cloud.endpoint, region)
    if key not in _signers:
        client = f"arn:aws:iot:{region}:000000000000:client/{_KNOWN}"
        may = {"Effect": "Allow", "Action": "iot:Connect", "Resource": client}
        _signers[key] = Signer.user(cloud, f"device-{uuid.uuid4().hex[:8]}", region, may)
    return _signers[key]


def refused(cloud: LocalCloud, region: str, action: str) -> None:
    """Do what is refused: Connect, PublishIn or Subscribe."""
    signer, host = _signer(cloud, region), endpoint(cloud, region)

    async def attempt() -> None:
        name = "unknown" if action == "Connect" else _KNOWN
        async with over_web_socket(cloud, name, host, signer.query(host)) as client:
            if action == "PublishIn":
                await client.publish("dt/sensors/home/any/climate", b"{}", qos=1)
            else:
                await client.subscribe("#")

    try:
        asyncio.run(attempt())
    except aiomqtt.MqttError:
        return
    raise AssertionError(f"{action} was not refused")
