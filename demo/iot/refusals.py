"""Who is refused at the devices' endpoint; each step sees the refusal in the protocol, and that nothing came of it."""

import asyncio
import json
import ssl
import time
import uuid
from pathlib import Path

import aiomqtt

from cdp_device.identity import Identity
from cdp_device.session import connect as connect_device
from demo.iot import raw_client
from demo.iot.raw_client import Answer, RawClient
from demo.iot.stage import Stage
from demo.report import StepFailed, eventually_async, expect

_OWN, _VICTIM, _STOLEN = "home-01", "home-03", "home-90"


class Refusals:
    """Attempts on every endpoint of the system, in every Region that has it.

    Attributes:
        attempts: How many were refused so far.
        kinds: How many kinds of clients that were.
        came_through: Whether anything of all this was measured, raised an alert or opened a ticket; None before it was
            looked at.
    """

    def __init__(self, stage: Stage) -> None:
        """Prepare."""
        self._stage = stage
        self._pem = stage.folder / "refused"
        self._pem.mkdir(exist_ok=True)
        self._names: list[str] = []
        self.attempts = 0
        self.kinds = 0
        self.came_through: bool | None = None

    @property
    def endpoints(self) -> int:
        """How many endpoints were tried."""
        return len(self._names)

    async def control(self) -> str:
        """Let a device with its own certificate connect, subscribe and publish: the same client, which is let in."""
        self._names = ["localhost", *(await asyncio.to_thread(self._stage.operator.endpoints)).values()]
        answers = {name: await self._measure(name) for name in self._names}
        for name, answer in answers.items():
            expect(answer.connected and answer.subscribed and answer.published, f"{name}: {answer}")
        await self._control_arrives()
        return f"{answers['localhost']} at {len(answers)} names of the endpoint; its measurements arrive"

    async def without_certificate(self) -> str:
        """Present no certificate."""
        return await self._all_refused(None, ssl.TLSVersion.TLSv1_2)

    async def with_unknown_certificate(self) -> str:
        """Present a certificate that nobody has registered."""
        return await self._all_refused(self._file("unknown", raw_client.self_signed(_VICTIM)))

    async def with_revoked_certificate(self) -> str:
        """Present the certificate of a stolen device, before and after it is revoked."""
        operator, fleet = self._stage.operator, self._stage.fleet
        await asyncio.to_thread(operator.allow, {_STOLEN: ("home", "chair")})
        member = fleet.make(_STOLEN, "chair")
        await fleet.join([_STOLEN])
        del fleet.members[_STOLEN]
        identity = member.store.current()
        member.outbox.close()
        assert identity is not None  # noqa: S101 - it has just joined
        pem = self._file("stolen", identity.certificate + identity.key)
        before = await self._attempt("localhost", pem, raw_client.connect(_STOLEN))
        expect(before.connected, f"before it was revoked: {before}")
        await asyncio.to_thread(operator.revoke, identity.certificate_id)
        return await self._all_refused(pem, client_id=_STOLEN)

    async def with_old_tls(self) -> str:
        """Speak TLS 1.1, with the certificate that is let in by TLS 1.2."""
        new = await self._attempt("localhost", self._own_pem(), raw_client.connect(_OWN), ssl.TLSVersion.TLSv1_2)
        expect(new.connected, f"TLS 1.2: {new}")
        return await self._all_refused(self._own_pem(), ssl.TLSVersion.TLSv1_1, client_id=_OWN)

    async def with_foreign_client_id(self) -> str:
        """Connect under the name of somebody else's device."""
        return await self._all_refused(self._own_pem(), client_id=_VICTIM)

    async def subscribe_to_everything(self) -> str:
        """Subscribe to ``#`` while a command for another device is published."""
        packets = raw_client.connect(_OWN) + raw_client.subscribe("#")
        seen = ""
        for name in self._names:
            listening = asyncio.create_task(self._attempt(name, self._own_pem(), packets, expected=3))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(self._command_the_victim)
            answer = await listening
            expect(answer.connected and not answer.subscribed and not answer.messages, f"{name}: {answer}")
            expect(answer.refusal or (0x90, b"\x00\x02\x80") in answer.packets, f"{name}: {answer}")
            self.attempts += 1
            seen = str(answer)
        self.kinds += 1
        return f"{seen}; nothing received"

    async def publish_as_another(self) -> str:
        """Publish a measurement on another device's topic."""
        packets = raw_client.connect(_OWN) + raw_client.publish(self._topic(_VICTIM), self._forged())
        answers = [await self._attempt(name, self._own_pem(), packets, expected=2) for name in self._names]
        for answer in answers:
            expect(answer.connected and not answer.published and answer.refusal, f"{answer}")
            self.attempts += 1
        self.kinds += 1
        return str(answers[0])

    async def of_another_authority(self) -> str:
        """Let the device's program dial a server whose certificate another CA has signed."""
        heard: list[bytes] = []

        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(1024))
            writer.close()

        forged = raw_client.self_signed("localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._file("server", forged))
        server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            settings = self._stage.fleet.settings(_OWN).model_copy(update={"endpoint": "localhost", "port": port})
            try:
                async with connect_device(settings, _OWN, self._own_pem(), patience=3):
                    raise StepFailed("the device connected")
            except aiomqtt.MqttError as error:
                reason = str(error)
            expect("CERTIFICATE_VERIFY_FAILED" in reason and not heard, f"{reason}; the server received {heard}")
            # Who trusts that CA is heard by the same server.
            trusting = RawClient(port, forged, "localhost", self._own_pem())
            await asyncio.to_thread(trusting.attempt, raw_client.connect(_OWN))
        expect(heard, "the server would not have heard anybody")
        self.attempts, self.kinds = self.attempts + 1, self.kinds + 1
        return "certificate verify failed; the server received nothing"

    async def nothing_came_through(self) -> str:
        """See that none of all this was measured, raised an alert or opened a ticket."""
        operator = self._stage.operator
        answer = await self._measure("localhost")
        expect(answer.published, f"{answer}")
        await self._control_arrives()
        measured = await asyncio.to_thread(operator.latest, [_VICTIM, _STOLEN])
        alerts = [alert for alert in await asyncio.to_thread(operator.alerts) if alert["thing"] != _OWN]
        tickets = await asyncio.to_thread(operator.tickets)
        self.came_through = bool(measured or alerts or tickets)
        expect(not self.came_through, f"{measured}, {alerts}, {tickets}")
        return f"{self.attempts} attempts: no measurement of {_VICTIM}, no alert, no ticket"

    # --- how

    async def _all_refused(
        self,
        pem: Path | None,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        *,
        client_id: str = _VICTIM,
    ) -> str:
        """Try to connect, to hear everything and to publish at once, at every endpoint; nothing may be answered."""
        packets = raw_client.connect(client_id) + raw_client.subscribe("#")
        packets += raw_client.publish(self._topic(_VICTIM), self._forged())
        answers = [await self._attempt(name, pem, packets, version) for name in self._names]
        for name, answer in zip(self._names, answers, strict=True):
            expect(answer.refusal and not answer.packets, f"{name}: {answer}")
            self.attempts += 1
        self.kinds += 1
        return f"{answers[0]}; no CONNACK"

    async def _attempt(
        self,
        name: str,
        pem: Path | None,
        packets: bytes,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        *,
        expected: int = 1,
    ) -> Answer:
        client = RawClient(self._stage.endpoint.port, self._stage.endpoint.ca, name, pem, version)
        return await asyncio.to_thread(client.attempt, packets, expected=expected)

    async def _measure(self, name: str) -> Answer:
        """Do as a device whose certificate is in order does; the measurement is one of its diary."""
        message = {"message_id": str(uuid.uuid4()), "at": int(time.time() * 1000), "temperature": 21, "humidity": 45}
        own = self._identity(_OWN)
        packets = raw_client.connect(_OWN) + raw_client.subscribe(own.configuration.topics().command("home", _OWN))
        packets += raw_client.publish(self._topic(_OWN), json.dumps(message).encode())
        answer = await self._attempt(name, self._own_pem(), packets, expected=3)
        if answer.published:
            self._stage.fleet.diaries[_OWN].measured.append(str(message["message_id"]))
        return answer

    async def _control_arrives(self) -> None:
        number = self._stage.measured[_OWN]
        await eventually_async(
            lambda: self._stage.operator.speed_counts([_OWN])[_OWN] == number,
            within=40,
            what="the measurements of the control in the speed layer",
        )

    def _command_the_victim(self) -> None:
        topic = self._identity(_VICTIM).configuration.topics().command("home", _VICTIM)
        payload = json.dumps({"session": "overheard", "command": "ping"})
        self._stage.operator.client("iot-data").publish(topic=topic, qos=1, payload=payload)

    def _topic(self, serial: str) -> str:
        return self._identity(_OWN).configuration.telemetry_topic(serial, "climate")

    def _forged(self) -> bytes:
        return json.dumps({"message_id": "forged", "at": int(time.time() * 1000), "temperature": 99}).encode()

    def _identity(self, serial: str) -> Identity:
        identity = self._stage.fleet.members[serial].store.current()
        assert identity is not None  # noqa: S101 - it has joined
        return identity

    def _own_pem(self) -> Path:
        own = self._identity(_OWN)
        return self._file("own", own.certificate + own.key)

    def _file(self, name: str, pem: str) -> Path:
        file = self._pem / f"{name}.pem"
        file.touch(mode=0o600)
        file.write_text(pem)
        return file
