"""Devices of the deployed IoT system, as their owner can misuse them: real MQTT clients, byte by byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt

from cdp_constructs.testing import eventually
from cdp_device.identity import Identity
from cdp_device.provisioning import claim
from cdp_device.session import RejectedError, Session, connect, tls_context
from cdp_device.settings import Settings
from demo.iot.operator import Operator

_TRIES = 4


class Devices:
    """What leaves the production line: a claim certificate, and devices whose serial numbers the operator allows."""

    def __init__(self, operator: Operator, folder: Path) -> None:
        """Issue a claim certificate."""
        self.operator = operator
        self.folder = folder
        endpoint = operator.cloud.mqtt()
        self.host, self.port = endpoint.host, endpoint.port
        (folder / "ca.pem").write_text(endpoint.ca)
        self.claim_file = folder / "claim.pem"
        self.claim_file.write_text(operator.issue_claim())
        self.table = operator.outputs["AllowListName"]
        self.template = operator.outputs["ProvisioningTemplate"]

    # --- the owner

    def settings(self, serial_number: str = "any") -> Settings:
        return Settings(
            endpoint=self.host,
            port=self.port,
            ca_file=self.folder / "ca.pem",
            claim_file=self.claim_file,
            template=self.template,
            serial_number=serial_number,
            state_folder=self.folder / serial_number,
        )

    def claim(self, serial_number: str) -> Identity:
        """Claim an identity, as a device does at its first start."""
        return asyncio.run(self.claiming(serial_number))

    async def claiming(self, serial_number: str) -> Identity:
        """Claim an identity; as the device's program does, ask again when the hook was too slow."""
        for _ in range(_TRIES - 1):
            try:
                return await claim(self.settings(serial_number))
            except RejectedError as error:
                if error.is_final:
                    raise
        return await claim(self.settings(serial_number))

    def join(self, serial_number: str, site: str = "home", kind: str = "hygrometer") -> Identity:
        """Allow a serial number, and claim its identity."""
        self.operator.allow({serial_number: (site, kind)})
        return self.claim(serial_number)

    def pem(self, identity: Identity) -> Path:
        file = self.folder / f"{identity.certificate_id}.pem"
        file.write_text(identity.certificate + identity.key)
        return file

    @asynccontextmanager
    async def connected(self, client_id: str, pem: Path, *, patience: float = 10) -> AsyncIterator[Session]:
        async with connect(self.settings(), client_id, pem, patience=patience) as session:
            yield session

    def raw(self, client_id: str, pem: Path, *, patience: float = 10, **options: Any) -> aiomqtt.Client:
        """Return a client that sends what it is told, such as a will."""
        return aiomqtt.Client(
            self.host,
            self.port,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V311,
            tls_context=tls_context(self.folder / "ca.pem", pem, self.port),
            timeout=patience,
            **options,
        )

    def lets_in(self, client_id: str, pem: Path, *, patience: float = 10) -> bool:
        """Tell whether a client gets a connection; AWS IoT closes without an answer otherwise."""

        async def attempt() -> None:
            async with self.connected(client_id, pem, patience=patience):
                pass

        try:
            asyncio.run(attempt())
        except (aiomqtt.MqttError, OSError):
            return False
        return True

    def keeps_out(self, client_id: str, pem: Path) -> bool:
        return not self.lets_in(client_id, pem, patience=1)

    # --- the operator

    def listed(self, serial_number: str) -> dict[str, Any]:
        """Return the item of the allow-list."""
        key = {"serial_number": {"S": serial_number}}
        dynamodb = self.operator.client("dynamodb")
        return dict(dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item", {}))

    def change(self, serial_number: str, **values: str) -> None:
        """Change an item of the allow-list."""
        self.operator.client("dynamodb").update_item(
            TableName=self.table,
            Key={"serial_number": {"S": serial_number}},
            AttributeUpdates={name: {"Value": {"S": value}} for name, value in values.items()},
        )

    def status(self, identity: Identity) -> str:
        """Return the status of the certificate of an identity."""
        return self.status_of(identity.certificate_id)

    def status_of(self, certificate_id: str) -> str:
        """Return the status of a certificate."""
        found = self.operator.client("iot").describe_certificate(certificateId=certificate_id)
        return str(found["certificateDescription"]["status"])

    def shadow(self, thing: str, name: str = "") -> dict[str, Any] | None:
        """Return a shadow, None when there is none."""
        data = self.operator.client("iot-data")
        try:
            answer = data.get_thing_shadow(thingName=thing, **({"shadowName": name} if name else {}))
        except data.exceptions.ResourceNotFoundException:
            return None
        return dict(json.loads(answer["payload"].read()))

    def waiting(self, queue: str) -> int:
        """Return how many messages a queue has that can be received now, or are being worked on."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.operator.client("sqs").get_queue_attributes(
            QueueUrl=self.operator.part(queue), AttributeNames=names
        )
        return sum(int(answer["Attributes"][name]) for name in names)

    def metric(self, function: str, name: str) -> list[dict[str, Any]]:
        """Return the log lines by which a function published a metric."""
        logs, lambda_ = self.operator.client("logs"), self.operator.client("lambda")
        group = lambda_.get_function_configuration(FunctionName=self.operator.part(function))["LoggingConfig"][
            "LogGroup"
        ]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        lines = [event["message"] for page in pages for event in page["events"]]
        found = [json.loads(line) for line in lines if "CloudWatchMetrics" in line and name in line]
        return [line for line in found if name in line]


async def is_cut_off(session: Session, act: Awaitable[Any], *, within: float = 0.5) -> bool:
    """Tell whether the broker refuses something, or ends the connection because of it."""
    try:
        await act
        await asyncio.wait({session.ended}, timeout=within)
    except aiomqtt.MqttError:
        return True
    return session.ended.done()


async def see(look: Callable[[], Any], what: str, *, within: float = 20) -> Any:
    """Look again, beside the devices, until there is something true."""
    return await asyncio.to_thread(eventually, look, what=what, within=within)


async def publish_bytes(devices: Devices, client_id: str, pem: Path, topic: str, payloads: Iterable[bytes]) -> None:
    """Publish payloads as they are, each until the broker has it."""
    async with devices.raw(client_id, pem) as client:
        for payload in payloads:
            await client.publish(topic, payload, qos=1)
