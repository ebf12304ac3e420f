"""A device that is written with the AWS IoT Device SDK v2 for Python, and has nothing of ours but its settings.

It claims an identity by fleet provisioning, measures, responds to commands and follows its shadow.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from awscrt import mqtt, mqtt_request_response
from awsiot import iotidentity, iotshadow, mqtt_connection_builder

from cdp_device.identity import make_key, signing_request

_SECONDS = 20
_KEY = "-----BEGIN PRIVATE KEY-----"
_RSA_KEY = "-----BEGIN RSA PRIVATE KEY-----"


class SdkDevice:
    """The device.

    Attributes:
        commanded: Commands that it has received.
        switched: What its shadow has had it switch.
        configuration: What it got with its certificate.
    """

    def __init__(self, *, endpoint: str, port: int, ca: str, serial_number: str) -> None:
        self._server = {"endpoint": endpoint, "port": port, "ca_bytes": ca.encode()}
        self._serial_number = serial_number
        self._certificate, self._key, self._certificate_id = "", "", ""
        self.commanded: list[str] = []
        self.switched: dict[str, Any] = {}
        self.configuration: dict[str, str] = {}

    def claim(self, claim_file: Path, template: str) -> None:
        """Ask for a certificate for a key of its own, and register the thing."""
        self._key = make_key()
        with self._connection(f"claim-{self._serial_number}", *_parts(claim_file.read_text())) as connection:
            options = mqtt_request_response.ClientOptions(
                max_request_response_subscriptions=4,
                max_streaming_subscriptions=1,
                operation_timeout_in_seconds=_SECONDS,
            )
            client = iotidentity.IotIdentityClientV2(connection, options)
            issued = client.create_certificate_from_csr(
                iotidentity.CreateCertificateFromCsrRequest(
                    certificate_signing_request=signing_request(self._key, self._serial_number)
                )
            ).result(_SECONDS)
            registered = client.register_thing(
                iotidentity.RegisterThingRequest(
                    template_name=template,
                    certificate_ownership_token=issued.certificate_ownership_token,
                    parameters={"SerialNumber": self._serial_number},
                )
            ).result(_SECONDS)
        assert registered.thing_name == self._serial_number
        self._certificate, self._certificate_id = issued.certificate_pem, issued.certificate_id
        self.configuration = registered.device_configuration

    @contextmanager
    def connected(self) -> Iterator[Callable[[str, dict[str, Any]], None]]:
        """Report the certificate in use, receive commands, follow the shadow; yields what publishes telemetry."""
        thing, app, context = self._serial_number, self.configuration["app"], self.configuration["context"]
        ingest = dict(part.split("=", 1) for part in self.configuration["ingest"].split(",") if part)
        with self._connection(thing, self._certificate, self._key) as connection:

            def publish(topic: str, document: Any) -> None:
                future, _ = connection.publish(topic, json.dumps(document), mqtt.QoS.AT_LEAST_ONCE)
                future.result(_SECONDS)

            def telemetry(kind: str, document: dict[str, Any]) -> None:
                topic = f"dt/{app}/{context}/{thing}/{kind}"
                rule = ingest.get(kind)
                publish(f"$aws/rules/{rule}/{topic}" if rule else topic, document)

            def command(topic: str, payload: bytes, **_: Any) -> None:
                request = json.loads(payload)
                self.commanded.append(request["command"])
                # The library's own thread calls this; waiting here for the acknowledgment would block it.
                response = {"session": request["session"], "status": "succeeded", "result": {"by": "sdk"}}
                connection.publish(topic.removesuffix("req") + "res", json.dumps(response), mqtt.QoS.AT_LEAST_ONCE)

            telemetry("certificate", {"certificate_id": self._certificate_id})
            future, _ = connection.subscribe(f"cmd/{app}/{context}/{thing}/req", mqtt.QoS.AT_LEAST_ONCE, command)
            future.result(_SECONDS)
            self._follow(connection, thing)
            yield telemetry

    def _follow(self, connection: mqtt.Connection, thing: str) -> None:
        client = iotshadow.IotShadowClient(connection)

        def switch(state: dict[str, Any]) -> None:
            self.switched |= state
            request = iotshadow.UpdateShadowRequest(thing_name=thing, state=iotshadow.ShadowState(reported=state))
            client.publish_update_shadow(request, mqtt.QoS.AT_LEAST_ONCE)

        future, _ = client.subscribe_to_shadow_delta_updated_events(
            iotshadow.ShadowDeltaUpdatedSubscriptionRequest(thing_name=thing),
            mqtt.QoS.AT_LEAST_ONCE,
            lambda event: switch(event.state or {}),
        )
        future.result(_SECONDS)
        switch({"started_at": int(time.time())})

    @contextmanager
    def _connection(self, client_id: str, certificate: str, key: str) -> Iterator[mqtt.Connection]:
        connection = mqtt_connection_builder.mtls_from_bytes(
            client_id=client_id, cert_bytes=certificate.encode(), pri_key_bytes=key.encode(), **self._server
        )
        connection.connect().result(_SECONDS)
        try:
            yield connection
        finally:
            connection.disconnect().result(_SECONDS)


def _parts(pem: str) -> tuple[str, str]:
    """Return the certificate and the key of a file that has both."""
    marker = _RSA_KEY if _RSA_KEY in pem else _KEY
    certificate, begin, key = pem.partition(marker)
    return certificate, begin + key
