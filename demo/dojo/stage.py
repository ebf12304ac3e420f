"""A deployed board, as its operator reaches it."""

import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, TypeVar

import httpx

from cdp_constructs.local import Deployment, LocalCloud

__all__ = ["Deployed", "Stage", "Task"]

T = TypeVar("T")


@dataclass(frozen=True)
class Task:
    """A task that runs."""

    arn: str
    zone: str
    healthy: bool
    """Of its container's own check, if it has one."""


class Deployed:
    """A board on the embedded cloud, by the outputs of its stack.

    Args:
        cloud: The embedded cloud.
        deployment: The board on it.
        stack: Its stack.
    """

    def __init__(self, cloud: LocalCloud, deployment: Deployment, stack: str) -> None:
        self.cloud, self.stack = cloud, stack
        self._deployment = deployment
        self.outputs = deployment.outputs[stack]
        self.region = deployment.regions[stack]

    def client(self, service: str) -> Any:
        """Return an operator's boto3 client."""
        return self.cloud.client(service, region=self.region)

    def stopped(self) -> str:
        """Return why the last tasks have stopped; a board without servers has none."""
        return "no task has stopped"

    def beside(self, suffix: str) -> Self:
        """Return the part of the board in another stack, which has the same name with a suffix."""
        return type(self)(self.cloud, self._deployment, f"{self.stack}{suffix}")


class Stage(Deployed):
    """A board with servers.

    Args:
        cloud: See `Deployed`.
        deployment: See `Deployed`.
        stack: See `Deployed`.
    """

    def __init__(self, cloud: LocalCloud, deployment: Deployment, stack: str) -> None:
        super().__init__(cloud, deployment, stack)
        self._cluster = self.outputs["ClusterName"]
        self.origin = cloud.listener_url(self.outputs["ListenerArn"])
        edge = deployment.outputs.get(f"{stack}Edge")
        self.url = self.origin if edge is None else cloud.distribution_url(edge["DistributionDomain"])
        self.live_url = self.url.replace("http", "ws", 1)
        self.tls = ssl.create_default_context(cadata=cloud.balancer_certificate_authority())

    def get(self, path: str, token: str | None = None) -> bool:
        """Ask a board for something, and return whether it is answered with 200."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            answer = httpx.get(f"{self.url}{path}", headers=headers, verify=self.tls, timeout=30, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == HTTPStatus.OK

    def service(self, output: str = "ServiceName") -> dict[str, Any]:
        """Describe a service of the board."""
        found = self.client("ecs").describe_services(cluster=self._cluster, services=[self.outputs[output]])
        described: dict[str, Any] = found["services"][0]
        return described

    def tasks(self, output: str = "ServiceName") -> list[Task]:
        """Return the tasks of a service that run."""
        ecs = self.client("ecs")
        arns = ecs.list_tasks(cluster=self._cluster, serviceName=self.outputs[output])["taskArns"]
        if not arns:
            return []
        described = ecs.describe_tasks(cluster=self._cluster, tasks=arns)["tasks"]
        return [
            Task(task["taskArn"], task["availabilityZone"], task.get("healthStatus", "UNKNOWN") == "HEALTHY")
            for task in described
            if task["lastStatus"] == "RUNNING"
        ]

    def stopped(self) -> str:
        """Say why the last tasks have stopped."""
        ecs = self.client("ecs")
        arns = ecs.list_tasks(cluster=self._cluster, desiredStatus="STOPPED")["taskArns"]
        described = ecs.describe_tasks(cluster=self._cluster, tasks=arns)["tasks"] if arns else []
        return "; ".join(str(task.get("stoppedReason")) for task in described[-3:]) or "no task has stopped"

    def healthy(self) -> int:
        """Return how many targets of the load balancer pass its check."""
        described = self.client("elbv2").describe_target_health(TargetGroupArn=self.outputs["TargetGroupArn"])
        return sum(one["TargetHealth"]["State"] == "healthy" for one in described["TargetHealthDescriptions"])

    def whole(self) -> bool:
        """Whether as many tasks run as there should be, in one version, and the load balancer knows all of them."""
        service = self.service()
        desired = int(service["desiredCount"])
        # A deployment that has failed stays in the list for a while, without tasks.
        [current, *others] = sorted(service["deployments"], key=lambda one: str(one["status"]) != "PRIMARY")
        steady = int(current["runningCount"]) == desired and not any(int(one["runningCount"]) for one in others)
        return steady and self.healthy() == desired

    def instances(self) -> list[dict[str, Any]]:
        """Describe the database's instances, the writer first; a table has none."""
        if "DatabaseId" not in self.outputs:
            return []
        rds, identifier = self.client("rds"), self.outputs["DatabaseId"]
        every = {one["DBInstanceIdentifier"]: one for one in rds.describe_db_instances()["DBInstances"]}
        if identifier in every:
            return [every[identifier]]
        [cluster] = rds.describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"]
        members = sorted(cluster["DBClusterMembers"], key=lambda member: not member["IsClusterWriter"])
        return [every[member["DBInstanceIdentifier"]] for member in members]
