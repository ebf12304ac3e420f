"""Servers and workers of the chat as processes, and people who use them."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from stacks.dojo.app.model import INDEX
from tests.stacks.dojo.app.stores import PASSWORD, REGION, Keeping

_ROOT = Path(__file__).parents[4]
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {
                "DBInstanceClass": "db.t4g.micro",
                "Engine": "postgres",
                "EngineVersion": "17.4",
                "AllocatedStorage": "20",
                "DBName": "chat",
                "MasterUsername": "chat",
                "MasterUserPassword": PASSWORD,
            },
        },
        "Cache": {
            "Type": "AWS::ElastiCache::ReplicationGroup",
            "Properties": {
                "ReplicationGroupDescription": "sessions and hints",
                "Engine": "valkey",
                "CacheNodeType": "cache.t4g.micro",
                "NumCacheClusters": 1,
                "AutomaticFailoverEnabled": False,
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "author", "written")
                ],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": INDEX,
                        "KeySchema": [
                            {"AttributeName": "author", "KeyType": "HASH"},
                            {"AttributeName": "written", "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
            },
        },
        "DeadLetters": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"FifoQueue": True},
        },
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "FifoQueue": True,
                "VisibilityTimeout": 30,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
                    "maxReceiveCount": 20,
                },
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Inbox": {"Type": "AWS::SQS::Queue"},
        "InboxPolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Inbox"}],
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "sns.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": {"Fn::GetAtt": ["Inbox", "Arn"]},
                        }
                    ]
                },
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": {"Fn::GetAtt": ["Inbox", "Arn"]},
                "RawMessageDelivery": True,
            },
        },
    },
    "Outputs": {
        "Database": {"Value": {"Fn::GetAtt": ["Database", "Endpoint.Address"]}},
        "DatabaseArn": {"Value": {"Fn::GetAtt": ["Database", "DBInstanceArn"]}},
        "Table": {"Value": {"Ref": "Table"}},
        "Cache": {"Value": {"Fn::GetAtt": ["Cache", "PrimaryEndPoint.Address"]}},
        "Queue": {"Value": {"Ref": "Queue"}},
        "DeadLetters": {"Value": {"Ref": "DeadLetters"}},
        "Topic": {"Value": {"Ref": "Topic"}},
        "Inbox": {"Value": {"Ref": "Inbox"}},
    },
}


@dataclass(frozen=True)
class Person:
    """Somebody at a server."""

    http: httpx.Client
    name: str
    token: str
    live_url: str

    def at(self, server: "Server") -> "Person":
        """Return the same person at another server."""
        return Person(_client(server.url, self.token), self.name, self.token, server.live_url)

    def send(self, room: str, text: str, *, message_id: str | None = None, **fields: Any) -> httpx.Response:
        body = {"id": message_id or str(uuid.uuid4()), "text": text, **fields}
        return self.http.post(f"/rooms/{room}/messages", json=body)

    def history(self, room: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.http.get(f"/rooms/{room}/messages", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["messages"]  # type: ignore[no-any-return]

    def texts(self, room: str) -> list[str]:
        return [message["text"] for message in self.history(room)]

    @contextmanager
    def listening(self, room: str, after: int | None = None) -> Iterator[ClientConnection]:
        query = f"?room={room}" + ("" if after is None else f"&after={after}")
        protocols = [Subprotocol("chat"), Subprotocol(self.token)]
        with connect(self.live_url + query, subprotocols=protocols) as connection:
            yield connection


@dataclass(frozen=True)
class Server:
    """A server of the chat."""

    process: "subprocess.Popen[bytes]"
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def live_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/live"

    def person(self, name: str | None = None) -> Person:
        """Return somebody new."""
        name = name or f"p{secrets.token_hex(6)}"
        account = {"name": name, "password": secrets.token_hex(8)}
        http = _client(self.url)
        assert http.post("/people", json=account).status_code == 201
        token = http.post("/sessions", json=account).json()["token"]
        return Person(_client(self.url, token), name, token, self.live_url)


def _client(url: str, token: str | None = None) -> httpx.Client:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)


class Chat:
    """Starts servers and workers, and ends them."""

    def __init__(self, cloud: LocalCloud, keeping: Keeping, logs: Path) -> None:
        self.keeping = keeping
        self._cloud = cloud
        self._logs = logs
        self._processes: list[subprocess.Popen[bytes]] = []

    def server(self, **settings: Any) -> Server:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Server(self._start("stacks.dojo.app", {"port": port, **settings}), port)
        eventually(lambda: _answers(f"{server.url}/health/deep"), within=60)
        return server

    def worker(self, **settings: Any) -> "subprocess.Popen[bytes]":
        return self._start("stacks.dojo.app.worker", settings)

    def end_all(self) -> None:
        """End what was started until now: whoever is there sends the notices of all."""
        for process in self._processes:
            process.kill()
            process.wait()

    def stop(self) -> None:
        self.end_all()
        # pytest shows it beside what failed.
        for log in sorted(self._logs.iterdir()):
            print(f"{log.name}:\n{log.read_text()}")  # noqa: T201

    def _start(self, module: str, settings: dict[str, Any]) -> "subprocess.Popen[bytes]":
        chosen = {**self.keeping.settings, "session_key": "k" * 40, **settings}
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_ROOT),
            "AWS_ENDPOINT_URL": self._cloud.endpoint,
            "AWS_ACCESS_KEY_ID": self._cloud.root.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._cloud.root.secret_access_key,
            "AWS_DEFAULT_REGION": REGION,
            **{f"CHAT_{name.upper()}": str(value) for name, value in chosen.items()},
        }
        with (self._logs / f"{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=log, stderr=log)
        self._processes.append(process)
        return process


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def end(process: "subprocess.Popen[bytes]") -> int:
    """End a process as Amazon ECS does, and return its exit code; uvicorn ends by the signal that it got."""
    process.send_signal(signal.SIGTERM)
    return abs(process.wait(timeout=30)) % signal.SIGTERM
