"""Public images that run as real programs: the sample of Amazon ECS, PostgreSQL, Valkey and Zabbix."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import valkey
from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as patterns

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.containers.zabbix import programs as zabbix_programs
from cdp_constructs.operations.handlers.zabbix.sender import Sender, Value
from tests.local.services.ecs.web import address

_FIRST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and (not _FIRST_PORT.exists() or int(_FIRST_PORT.read_text()) > 80),
    reason="the sample of Amazon ECS listens on port 80, which this user may not have",
)

Eventually = Callable[..., Any]
PASSWORD = "not-for-production"  # of containers that live as long as this test


class Town:
    """The deployed stack."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str]) -> None:
        self.cloud, self.outputs = cloud, outputs

    def run(self, eventually: Eventually, image: str, *, within: float = 60, **container: Any) -> dict[str, Any]:
        """Run a task with one container until it is healthy, and return it."""
        client, cluster = self.cloud.client("ecs"), self.outputs["Cluster"]
        definition = client.register_task_definition(
            family="public",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "main", "image": image, **container}],
        )["taskDefinition"]["taskDefinitionArn"]
        subnets = self.outputs["Subnets"].split(",")
        [task] = client.run_task(
            cluster=cluster,
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
        )["tasks"]

        def healthy() -> dict[str, Any] | None:
            [found] = client.describe_tasks(cluster=cluster, tasks=[task["taskArn"]])["tasks"]
            assert found["desiredStatus"] == "RUNNING", found.get("stoppedReason")
            health = found["containers"][0].get("healthStatus")
            # What fails in the start period does not count.
            assert health != "UNHEALTHY" or "startPeriod" not in container["healthCheck"]
            return dict(found) if (found["lastStatus"], health) == ("RUNNING", "HEALTHY") else None

        return dict(eventually(healthy, within=within))


@pytest.fixture(scope="module")
def town(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory, cdk_context: dict[str, Any]) -> Iterator[Town]:
    folder: Path = tmp_path_factory.mktemp("town")
    app = App(context=cdk_context, outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Town")
    vpc = ec2.Vpc(stack, "Network", max_azs=2, nat_gateways=0)
    cluster = ecs.Cluster(stack, "Cluster", vpc=vpc)
    web = patterns.ApplicationLoadBalancedFargateService(
        stack,
        "Web",
        cluster=cluster,
        assign_public_ip=True,
        task_image_options=patterns.ApplicationLoadBalancedTaskImageOptions(
            image=ecs.ContainerImage.from_registry("amazon/amazon-ecs-sample")
        ),
        # No hook of ours is in curl, which finds the container all the same.
        health_check=ecs.HealthCheck(command=["CMD-SHELL", "curl -f http://localhost/ || exit 1"]),
    )
    CfnOutput(stack, "Listener", value=web.listener.listener_arn)
    CfnOutput(stack, "ServiceName", value=web.service.service_name)
    CfnOutput(stack, "ClusterName", value=cluster.cluster_name, key="Cluster")
    CfnOutput(stack, "Subnets", value=",".join(subnet.subnet_id for subnet in vpc.public_subnets))
    app.synth()
    deployment = cloud.deploy(folder / "cdk.out")
    yield Town(cloud, dict(deployment.outputs["Town"]))
    deployment.destroy()


def test_the_sample_of_amazon_ecs_answers_behind_a_load_balancer(town: Town) -> None:
    answer = httpx.get(town.cloud.listener_url(town.outputs["Listener"]), trust_env=False)
    assert answer.status_code == 200
    assert "Congratulations" in answer.text
    assert "stands for" in answer.text
    services = town.cloud.client("ecs").describe_services(
        cluster=town.outputs["Cluster"], services=[town.outputs["ServiceName"]]
    )["services"]
    assert [each["runningCount"] for each in services] == [1]


def test_postgresql_is_a_container_with_its_user_password_and_database(town: Town, eventually: Eventually) -> None:
    variables = {"POSTGRES_USER": "chat", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "rooms"}
    task = town.run(
        eventually,
        "public.ecr.aws/docker/library/postgres:17-alpine",
        command=["postgres", "-c", "max_connections=17"],
        environment=[{"name": name, "value": value} for name, value in variables.items()],
        healthCheck={"command": ["CMD-SHELL", "pg_isready -h $CDP_TASK_ADDRESS -U chat -d rooms"]},
    )
    place: dict[str, Any] = {"host": address(task), "user": "chat", "dbname": "rooms"}
    with town.cloud.open_databases(), psycopg.connect(**place, password=PASSWORD) as connection:
        assert connection.execute("show max_connections").fetchone() == ("17",)
    with town.cloud.open_databases(), pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**place, password="wrong")


def test_postgresql_without_a_password_does_not_start(town: Town, eventually: Eventually) -> None:
    with pytest.raises(AssertionError, match="Essential container exited"):
        town.run(eventually, "postgres")


@pytest.mark.parametrize("image", ["redis:7-alpine", "valkey/valkey:8"])
def test_valkey_is_a_container_with_its_password(town: Town, eventually: Eventually, image: str) -> None:
    program = image[: 5 if image.startswith("redis") else 6]
    task = town.run(
        eventually,
        image,
        command=[f"{program}-server", "--requirepass", PASSWORD],
        healthCheck={"command": ["CMD-SHELL", f"{program}-cli -a {PASSWORD} ping | grep PONG"]},
    )
    assert valkey.Valkey(address(task), password=PASSWORD).ping()
    with pytest.raises(valkey.AuthenticationError):
        valkey.Valkey(address(task)).ping()


def zabbix(town: Town, eventually: Eventually, database: str) -> dict[str, Any]:
    """Run Zabbix with a database at an address."""
    variables = {
        "DB_SERVER_HOST": database,
        "POSTGRES_USER": "zabbix",
        "POSTGRES_PASSWORD": PASSWORD,
        "POSTGRES_DB": "monitoring",
        "ZBX_STARTPOLLERS": "1",
        "ZBX_CACHEUPDATEFREQUENCY": "1",
    }
    return town.run(
        eventually,
        "zabbix/zabbix-server-pgsql:alpine-6.0-latest",
        within=240,
        environment=[{"name": name, "value": value} for name, value in variables.items()],
        healthCheck={
            "command": ["CMD", "python", "-c", "import socket; socket.create_connection(('localhost', 10051), 2)"],
            "interval": 5,
            "startPeriod": 300,
        },
    )


@pytest.mark.skipif(None in zabbix_programs().values(), reason="needs Debian's package zabbix-server-pgsql")
def test_zabbix_makes_its_database_takes_values_and_ends(town: Town, eventually: Eventually) -> None:
    database = town.run(
        eventually,
        "postgres",
        environment=[
            {"name": "POSTGRES_USER", "value": "zabbix"},
            {"name": "POSTGRES_PASSWORD", "value": PASSWORD},
        ],
        healthCheck={"command": ["CMD-SHELL", "$CDP_POSTGRES/bin/pg_isready -h localhost"], "startPeriod": 300},
    )
    place: dict[str, Any] = {"host": address(database), "user": "zabbix", "dbname": "monitoring", "password": PASSWORD}
    task = zabbix(town, eventually, address(database))
    eventually(lambda: len(processes_at(address(task))) > 5)
    if os.geteuid() == 0:
        assert 0 not in {Path(f"/proc/{process}").stat().st_uid for process in processes_at(address(task))}
    with town.cloud.open_databases(), psycopg.connect(**place) as connection:
        assert connection.execute("SELECT mandatory FROM dbversion").fetchone() == (6000000,)
    # No host has the item: the server says so, which it asks its database about.
    assert Sender(address(task), 10051).send([Value("shop", "orders", "1", 1_800_000_000)]) == 1
    town.cloud.client("ecs").stop_task(cluster=town.outputs["Cluster"], task=task["taskArn"])
    eventually(lambda: not processes_at(address(task)), within=30)
    again = zabbix(town, eventually, address(database))
    with town.cloud.open_databases(), psycopg.connect(**place) as connection:
        assert connection.execute("SELECT count(*) FROM users WHERE username = 'Admin'").fetchone() == (1,)
    assert Sender(address(again), 10051).send([Value("shop", "orders", "1", 1_800_000_000)]) == 1


def processes_at(place: str) -> list[int]:
    """Return the processes of the container of a task at an address; those of Zabbix write over their variables."""
    groups, found = set(), {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found[int(process.name)] = os.getpgid(int(process.name))
            if f"CDP_TASK_ADDRESS={place}\0".encode() in (process / "environ").read_bytes():
                groups.add(found[int(process.name)])
    return [process for process, group in found.items() if group in groups]
