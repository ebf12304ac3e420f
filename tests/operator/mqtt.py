"""An MQTT client that does what its policy does not allow."""

import asyncio
import uuid

import aiomqtt

from cdp_constructs.local import LocalCloud
from tests.local.services.iot.mqtt import Signer, endpoint, over_web_socket

_KNOWN, _UNKNOWN = "known", "unknown"
_signers: dict[tuple[str, str], Signer] = {}


def _signer(cloud: LocalCloud, region: str) -> Signer:
    """Return somebody who may connect as some clients, and nothing else."""
    key = (cloud.endpoint, region)
    if key not in _signers:
        client = f"arn:aws:iot:{region}:000000000000:client/{_KNOWN}-*"
        may = {"Effect": "Allow", "Action": "iot:Connect", "Resource": client}
        _signers[key] = Signer.user(cloud, f"device-{uuid.uuid4().hex[:8]}", region, may)
    return _signers[key]


def refused(cloud: LocalCloud, region: str, action: str, *, times: int) -> None:
    """Do what is refused, as several clients at once: Connect, PublishIn or Subscribe."""
    signer, host = _signer(cloud, region), endpoint(cloud, region)
    name = _UNKNOWN if action == "Connect" else _KNOWN

    async def attempt(number: int) -> None:
        async with over_web_socket(cloud, f"{name}-{number}", host, signer.query(host)) as client:
            if action == "PublishIn":
                await client.publish("dt/sensors/home/any/climate", b"{}", qos=1)
            else:
                await client.subscribe("#")

    async def attempts() -> list[BaseException | None]:
        return await asyncio.gather(*(attempt(number) for number in range(times)), return_exceptions=True)

    assert all(isinstance(answer, aiomqtt.MqttError) for answer in asyncio.run(attempts()))
