"""MQTT clients that try to get a session: over TLS, with and without certificates, and over WebSocket."""

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiomqtt
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdp_constructs.local import LocalCloud

CONNACK = b"\x20\x02\x00\x00"
"""MQTT 3.1.1: the session is accepted."""


def endpoint(cloud: LocalCloud, region: str) -> str:
    """Return the name of a Region's endpoint for devices."""
    described = cloud.client("iot", region=region).describe_endpoint(endpointType="iot:Data-ATS")
    return f"{described['endpointAddress'].partition('.')[0]}.iot.{region}.amazonaws.com"


def connect_packet(client_id: str) -> bytes:
    """Return CONNECT of MQTT 3.1.1 with a clean session."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
    return bytes([0x10, len(body)]) + body


def answer(cloud: LocalCloud, client_id: str, pem: Path | None = None, *, server_name: str = "localhost") -> bytes:
    """Return what the broker answers to CONNECT: `CONNACK`, or nothing when it ends the connection.

    Args:
        cloud: The embedded cloud.
        client_id: The MQTT client id.
        pem: Certificate and key that the client presents.
        server_name: The name that the client dials (SNI).
    """
    address = cloud.mqtt()
    context = ssl.create_default_context(cadata=address.ca)
    context.check_hostname = server_name == "localhost"
    if pem is not None:
        context.load_cert_chain(pem)
    try:
        with (
            socket.create_connection(("127.0.0.1", address.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=server_name) as stream,
        ):
            stream.sendall(connect_packet(client_id))
            return stream.recv(4)
    except (ssl.SSLError, ConnectionError):
        return b""


@dataclass(frozen=True)
class Signer:
    """Somebody who signs MQTT over WebSocket.

    Attributes:
        key: Access key id.
        secret: The secret of it.
        region: Region that is signed for.
    """

    key: str
    secret: str
    region: str

    @classmethod
    def user(cls, cloud: LocalCloud, name: str, region: str, *statements: Mapping[str, Any]) -> Self:
        """Make an IAM user who may do what the statements say."""
        iam = cloud.client("iam")
        iam.create_user(UserName=name)
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return cls(made["AccessKeyId"], made["SecretAccessKey"], region)

    def query(self, host: str) -> str:
        """Return the signed query of a connection to a host."""
        request = AWSRequest("GET", f"https://{host}/mqtt")
        credentials = Credentials(self.key, self.secret)
        SigV4QueryAuth(credentials, "iotdevicegateway", self.region, expires=300).add_auth(request)
        return urlsplit(request.url).query


def over_web_socket(cloud: LocalCloud, client_id: str, host: str, query: str) -> aiomqtt.Client:
    """Return a client of MQTT over WebSocket that is not connected yet."""
    address = urlsplit(cloud.endpoint)

    def headers(usual: dict[str, str]) -> dict[str, str]:
        # The library names itself as the page that a browser would name.
        return {**{name: value for name, value in usual.items() if name != "Origin"}, "Host": host}

    return aiomqtt.Client(
        address.hostname or "",
        address.port or 0,
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion.V311,
        transport="websockets",
        websocket_path=f"/mqtt?{query}",
        websocket_headers=headers,
        timeout=3,
    )
