"""CloudFront: WebSockets of viewers pass to load balancers and WebSocket APIs, and their handshake is a request."""

import threading
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from cdp_constructs.local import LocalCloud
from tests.local.services.apigateway.test_web_sockets import socket_template
from tests.local.services.elbv2.servers import balancer, forward, group, listener

DISABLED, ALL_BUT_HOST = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac"
FUNCTION = """
function handler(event) {
    return event.request.uri === "/blocked" ? {statusCode: 403, statusDescription: "Forbidden"} : event.request;
}
"""


def _first(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[0] if offered else None


def _echo(connection: ServerConnection) -> None:
    asked = connection.request
    assert asked is not None
    connection.send(f"{asked.path} {asked.headers.get('Authorization', 'nobody')}")
    for message in connection:
        if message == "end":
            connection.close(4001, "as asked")
        else:
            connection.send(message)


@pytest.fixture(scope="module")
def rooms() -> Iterator[Server]:
    def admit(connection: ServerConnection, request: Any) -> Any:
        if request.path.startswith("/full"):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "no room\n")
        return None

    with serve(_echo, "127.0.0.1", 0, process_request=admit, select_subprotocol=_first) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server


def _behavior(origin: str, **properties: Any) -> dict[str, Any]:
    return {"TargetOriginId": origin, "CachePolicyId": DISABLED, "ViewerProtocolPolicy": "https-only", **properties}


def _template(port: int) -> dict[str, Any]:
    custom = {"OriginProtocolPolicy": "http-only"}
    api = {"Fn::Sub": "${Api}.execute-api.${AWS::Region}.amazonaws.com"}
    associated = [{"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["Blocks", "FunctionARN"]}}]
    config = {
        "Enabled": True,
        "Origins": [
            {"Id": "rooms", "DomainName": {"Fn::GetAtt": ["Balancer", "DNSName"]}, "CustomOriginConfig": custom},
            {"Id": "api", "DomainName": api, "OriginPath": "/live", "CustomOriginConfig": custom},
        ],
        "DefaultCacheBehavior": _behavior("rooms", OriginRequestPolicyId=ALL_BUT_HOST, FunctionAssociations=associated),
        "CacheBehaviors": [
            _behavior("rooms", PathPattern="/bare*"),
            _behavior("api", PathPattern="/api*", OriginRequestPolicyId=ALL_BUT_HOST),
        ],
    }
    of_api = socket_template()
    return {
        "Resources": {
            **of_api["Resources"],
            "Balancer": balancer(Scheme="internet-facing"),
            "Targets": group(port),
            "Listener": listener(forward("Targets")),
            "Blocks": {
                "Type": "AWS::CloudFront::Function",
                "Properties": {
                    "Name": "blocks-a-path",
                    "AutoPublish": True,
                    "FunctionCode": FUNCTION,
                    "FunctionConfig": {"Comment": "", "Runtime": "cloudfront-js-2.0"},
                },
            },
            "Distribution": {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": config}},
        },
        "Outputs": {"Domain": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}}},
    }


@pytest.fixture(scope="module")
def url(cloud: LocalCloud, stacks: Any, rooms: Server) -> str:
    domain = stacks.deploy(_template(rooms.socket.getsockname()[1]))["Domain"]
    return cloud.distribution_url(domain).replace("http", "ws", 1)


def _open(url: str, **options: Any) -> ClientConnection:
    return connect(url, proxy=None, **options)


def test_messages_pass_in_both_directions(url: str) -> None:
    headers = {"Authorization": "Bearer token"}
    with _open(f"{url}/live?room=a", additional_headers=headers, subprotocols=[Subprotocol("chat")]) as connection:
        assert connection.subprotocol == "chat"
        assert connection.recv(10) == "/live?room=a Bearer token"
        for message in ("hello", b"\x00\xff"):
            connection.send(message)
            assert connection.recv(10) == message


def test_the_origin_closes_with_its_own_code(url: str) -> None:
    with _open(f"{url}/live") as connection:
        assert connection.recv(10) == "/live nobody"
        connection.send("end")
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "as asked")


def test_a_behaviour_that_forwards_no_headers_forwards_no_sub_protocol(url: str) -> None:
    headers = {"Authorization": "Bearer token"}
    with _open(f"{url}/bare", additional_headers=headers, subprotocols=[Subprotocol("chat")]) as connection:
        assert connection.subprotocol is None
        assert connection.recv(10) == "/bare nobody"


@pytest.mark.parametrize(("path", "status"), [("/full", 503), ("/blocked", 403)])
def test_what_refuses_the_handshake_answers_it(url: str, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        _open(f"{url}{path}")
    assert refused.value.response.status_code == status


def test_a_web_socket_api_is_an_origin_too(url: str) -> None:
    with _open(f"{url}/api", subprotocols=[Subprotocol("first"), Subprotocol("second")]) as connection:
        assert connection.subprotocol == "second"
