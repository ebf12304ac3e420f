"""The address at which IoT devices connect."""

from dataclasses import dataclass

from cdp_constructs.local.clients.administration import Administration

__all__ = ["MqttEndpoint", "mqtt_endpoint"]


@dataclass(frozen=True)
class MqttEndpoint:
    """The MQTT endpoint for devices.

    Attributes:
        host: Host name in the server's certificate; devices send it as the TLS server name (SNI), as AWS requires.
        port: Port of MQTT over TLS; 8883 on AWS.
        ca: PEM of the CA that signed the server's certificate; Amazon Root CA 1 on AWS.
    """

    host: str
    port: int
    ca: str


def mqtt_endpoint(administration: Administration) -> MqttEndpoint:
    """Return the address and the CA of the MQTT listener of an embedded cloud.

    Args:
        administration: Administration of the embedded cloud.

    Raises:
        httpx.HTTPStatusError: there is no such listener.
    """
    address = administration.request("GET", "/_cdp/iot/address").json()
    ca = administration.request("GET", "/_ministack/iot/ca.pem").text
    return MqttEndpoint("localhost", address["port"], ca)
