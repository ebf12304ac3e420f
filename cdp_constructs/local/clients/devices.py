"""Where devices find the embedded cloud."""

from dataclasses import dataclass

import httpx

__all__ = ["MqttEndpoint", "mqtt_endpoint"]


@dataclass(frozen=True)
class MqttEndpoint:
    """Where devices connect.

    Attributes:
        host: Name of the server, which its certificate is for; devices send it in TLS (SNI), as AWS asks them to.
        port: Port of MQTT over TLS; 8883 on AWS.
        ca: PEM of the CA that signed the server's certificate; Amazon Root CA 1 on AWS.
    """

    host: str
    port: int
    ca: str


def mqtt_endpoint(endpoint: str) -> MqttEndpoint:
    """Ask an embedded cloud for the address and the CA of its MQTT listener.

    Args:
        endpoint: Address of the embedded cloud.

    Raises:
        httpx.HTTPStatusError: there is no such listener.
    """
    address = httpx.get(f"{endpoint}/_cdp/iot/address").raise_for_status().json()
    ca = httpx.get(f"{endpoint}/_ministack/iot/ca.pem").raise_for_status().text
    return MqttEndpoint("localhost", address["port"], ca)
