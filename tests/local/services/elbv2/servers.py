"""Targets on this machine, and templates of load balancers in front of them."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.1"


class Target(ThreadingHTTPServer):
    """An HTTP server that says what it got, and does what the path asks for.

    Attributes:
        name: What it calls itself.
        status: What it answers.
        proceed: Ends what hangs, or waits in the middle of a response.
        waiting: Whether a request hangs.
    """

    daemon_threads = True

    def __init__(self, name: str = "target") -> None:
        super().__init__((LOOPBACK, 0), _Answers)
        self.name, self.status = name, 200
        self.proceed = threading.Event()
        self.waiting = False
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __exit__(self, *_: object) -> None:
        self.proceed.set()
        self.shutdown()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Target

    def do_GET(self) -> None:
        if self.path == "/hang":
            self.server.waiting = True
            self.server.proceed.wait(30)
            self.server.waiting = False
            self._echo()
        elif self.path == "/broken":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif self.path == "/stream":
            self._stream()
        else:
            self._echo()

    do_POST = do_HEAD = do_GET  # noqa: N815  # http.server looks for these names

    def _echo(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = {
            "name": self.server.name,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(),
        }
        answer = json.dumps(told).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        if self.path == "/cookie":
            self.send_header("Set-Cookie", "session=1; Path=/")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        self.server.proceed.wait(30)
        self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")

    def log_message(self, *_arguments: object) -> None:
        pass


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """Provide a port at which nobody listens, and nobody else can."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        yield int(taken.getsockname()[1])


@contextlib.contextmanager
def echo_server() -> Iterator[int]:
    """Provide the port of a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(b"echo " + data)
            await writer.drain()
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(echo, LOOPBACK, 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()


def group(*ports: int, **properties: Any) -> dict[str, Any]:
    """A target group of servers on this machine, which are healthy at once."""
    targets = [{"Id": LOOPBACK, "Port": port} for port in ports]
    return {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {
            "TargetType": "ip",
            "Port": 80,
            "Protocol": "HTTP",
            "VpcId": "vpc-1",
            "HealthCheckTimeoutSeconds": 2,
            "Targets": targets,
            **properties,
        },
    }


def attributes(**values: str) -> list[dict[str, str]]:
    """Attributes, whose names have `__` for a dot."""
    return [{"Key": name.replace("__", "."), "Value": value} for name, value in values.items()]


def balancer(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Properties": {"Subnets": ["subnet-1", "subnet-2"], **properties},
    }


def listener(action: Mapping[str, Any], **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::ElasticLoadBalancingV2::Listener",
        "Properties": {
            "LoadBalancerArn": {"Ref": "Balancer"},
            "Port": 80,
            "Protocol": "HTTP",
            "DefaultActions": [action],
            **properties,
        },
    }


def rule(priority: int, conditions: list[dict[str, Any]], action: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
        "Properties": {
            "ListenerArn": {"Ref": "Listener"},
            "Priority": priority,
            "Conditions": conditions,
            "Actions": [action],
        },
    }


def forward(target_group: str) -> dict[str, Any]:
    return {"Type": "forward", "TargetGroupArn": {"Ref": target_group}}


def fixed(body: str, status: str = "200") -> dict[str, Any]:
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status, "MessageBody": body}}


def template(**resources: dict[str, Any]) -> dict[str, Any]:
    """A template whose outputs are what `Ref` gives, and the name of the load balancer."""
    outputs: dict[str, Any] = {name: {"Value": {"Ref": name}} for name in resources}
    if "Balancer" in resources:
        outputs["Name"] = {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}}
    return {"Resources": resources, "Outputs": outputs}
