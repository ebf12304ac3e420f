"""A board of the dojo on an embedded cloud of its own, and people at it."""

import json
import secrets
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually

__all__ = ["Board", "Person"]


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    board: "Board"
    name: str
    http: httpx.Client

    def send(self, room: str, text: str, *, message_id: str | None = None, **fields: Any) -> httpx.Response:
        """Send a message once."""
        body = {"id": message_id or str(uuid.uuid4()), "text": text, **fields}
        return self.http.post(f"/rooms/{room}/messages", json=body)

    def history(self, room: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.http.get(f"/rooms/{room}/messages", params={"limit": 100, **query})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    def texts(self, room: str, **query: Any) -> list[str]:
        return [message["text"] for message in self.history(room, **query)]

    @contextmanager
    def listening(self, room: str, after: int) -> Iterator[ClientConnection]:
        """Listen where the others of the board are reached."""
        token = self.http.headers["authorization"].partition(" ")[2]
        url = f"{self.board.url.replace('http', 'ws', 1)}/live?room={room}&after={after}"
        protocols = [Subprotocol("chat"), Subprotocol(token)]
        secure = self.board.tls if url.startswith("wss:") else None
        with connect(url, subprotocols=protocols, ssl=secure, proxy=None) as connection:
            yield connection


class Board:
    """A deployed board.

    Args:
        cloud: Its embedded cloud.
        assembly: What is deployed.
        stack: The board's stack.
    """

    def __init__(self, cloud: LocalCloud, assembly: Path, stack: str) -> None:
        self.cloud = cloud
        self.deployment = cloud.deploy(assembly)
        self.outputs = dict(self.deployment.outputs[stack])
        self.region = self.deployment.regions[stack]
        self.origin = cloud.listener_url(self.outputs["ListenerArn"])
        self.url = self.origin
        self.tls = ssl.create_default_context(cadata=cloud.balancer_certificate_authority())

    def client(self, service: str) -> Any:
        return self.cloud.client(service, region=self.region)

    def web(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.tls, timeout=30, trust_env=False, **options)

    def person(self) -> Person:
        """Register and sign in somebody."""
        account = {"name": f"p{secrets.token_hex(6)}", "password": secrets.token_hex(8)}
        with self.web() as http:
            registered = http.post("/people", json=account)
            assert registered.status_code == 201, registered.text
            token = http.post("/sessions", json=account).json()["token"]
        return Person(self, account["name"], self.web(headers={"Authorization": f"Bearer {token}"}))

    def tasks(self, service: str = "ServiceName") -> list[str]:
        found = self.client("ecs").list_tasks(
            cluster=self.outputs["ClusterName"], serviceName=self.outputs[service], desiredStatus="RUNNING"
        )
        return list(found["taskArns"])

    def have_ended(self, service: str = "ServiceName") -> bool:
        """Whether no task of a service is stopping any more: until then its containers may work on."""
        of_service = {"cluster": self.outputs["ClusterName"], "serviceName": self.outputs[service]}
        ecs = self.client("ecs")
        arns = ecs.list_tasks(**of_service, desiredStatus="STOPPED")["taskArns"]
        tasks = ecs.describe_tasks(cluster=of_service["cluster"], tasks=arns)["tasks"] if arns else []
        return all(task["lastStatus"] == "STOPPED" for task in tasks)

    def desired(self, service: str = "ServiceName") -> int:
        found = self.client("ecs").describe_services(
            cluster=self.outputs["ClusterName"], services=[self.outputs[service]]
        )
        return int(found["services"][0]["desiredCount"])

    def healthy(self) -> int:
        described = self.client("elbv2").describe_target_health(TargetGroupArn=self.outputs["TargetGroupArn"])
        return sum(one["TargetHealth"]["State"] == "healthy" for one in described["TargetHealthDescriptions"])

    def have_two_servers(self) -> None:
        """Wait for the least number of servers: a new service has one, and scaling adds the other after minutes."""
        for _ in range(6):
            if self.desired() < 2:
                self.cloud.metrics.advance(minutes=1)
        eventually(lambda: self.desired() >= 2 and self.healthy() >= 2, within=120)
        # The database as well, for which servers wait after they have started.
        eventually(self.is_deeply_healthy, within=60)

    def is_deeply_healthy(self) -> bool:
        with self.web() as http:
            return http.get("/health/deep").status_code == 200

    def instances(self) -> list[dict[str, Any]]:
        """Describe the instances of the database, the writer first."""
        found = self.client("rds").describe_db_instances()["DBInstances"]
        every = {one["DBInstanceIdentifier"]: one for one in found}
        members = sorted(self.database_cluster()["DBClusterMembers"], key=lambda member: not member["IsClusterWriter"])
        return [every[member["DBInstanceIdentifier"]] for member in members]

    def database_cluster(self) -> dict[str, Any]:
        [cluster] = self.client("rds").describe_db_clusters(DBClusterIdentifier=self.outputs["DatabaseId"])[
            "DBClusters"
        ]
        return dict(cluster)

    def connect(self, instance: dict[str, Any]) -> psycopg.Connection[Any]:
        """Connect to an instance as the administrator, from outside of the network."""
        [cluster] = self.client("rds").describe_db_clusters(DBClusterIdentifier=self.outputs["DatabaseId"])[
            "DBClusters"
        ]
        secret = self.client("secretsmanager").get_secret_value(SecretId=cluster["MasterUserSecret"]["SecretArn"])
        who = json.loads(secret["SecretString"])
        place = {"host": instance["Endpoint"]["Address"], "dbname": "chat", "sslmode": "require"}
        return psycopg.connect(**place, user=who["username"], password=who["password"], autocommit=True)
