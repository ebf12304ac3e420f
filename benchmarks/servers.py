"""Starts ten small services, two databases and a cache on the embedded cloud, and looks at them while nothing happens.

Seconds on the wall depend on what else the machine does; those of CPU, of the cloud with all that it has started, do
hardly.
"""

import os
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_rds as rds
from rich.console import Console

from cdp_constructs.local import LocalCloud
from demo.dojo.memory import family

__all__ = ["IDLE_GOAL", "SERVICES", "START_GOAL", "Measured", "add_cache", "measure"]

SERVICES = 10
START_GOAL = 15.0
"""Seconds from the deployment to the last server that is there."""
IDLE_GOAL = 0.05
"""Of one core, while nothing happens."""
_IDLE_SECONDS = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")
_SERVER = Path(__file__).parents[1] / "docs" / "examples" / "shop_server"


@dataclass(frozen=True)
class Measured:
    """What was seen.

    Attributes:
        start: Seconds until everything was there.
        start_cpu: Seconds of CPU until then.
        idle: Share of a core that is used when nothing happens.
        processes: How many there are.
    """

    start: float
    start_cpu: float
    idle: float
    processes: int


def build(stack: Stack) -> None:
    """Add the services, an instance, a cluster and a cache to a stack."""
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0)
    cluster = ecs.Cluster(stack, "Cluster", vpc=vpc)
    subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    for number in range(SERVICES):
        task = ecs.FargateTaskDefinition(stack, f"Task{number}")
        task.add_container("server", image=ecs.ContainerImage.from_asset(str(_SERVER)))
        ecs.FargateService(
            stack, f"Service{number}", cluster=cluster, task_definition=task, desired_count=1, vpc_subnets=subnets
        )
    for name in ("Orders", "Rooms"):
        rds.DatabaseInstance(
            stack,
            name,
            engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17),
            storage_encrypted=True,
            vpc=vpc,
            vpc_subnets=subnets,
            removal_policy=RemovalPolicy.DESTROY,
        )
    add_cache(stack)


def add_cache(stack: Stack) -> None:
    """Add a cache of one node, reached by TLS."""
    elasticache.CfnReplicationGroup(
        stack,
        "Cache",
        replication_group_description="a cache",
        engine="valkey",
        cache_node_type="cache.t4g.micro",
        num_cache_clusters=1,
        automatic_failover_enabled=False,
        transit_encryption_enabled=True,
    )


def _cpu(others: Collection[int]) -> float:
    """Return the seconds of CPU of the processes that this program has started, without others."""
    used = 0
    for process in family(others) - {os.getpid()}:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        used += sum(map(int, fields[11:15]))  # its own, and those of its children that have ended
    return used / _TICKS


def measure() -> Measured:
    """Start everything on an embedded cloud of its own, look at it, and end it."""
    others = family() - {os.getpid()}  # such as another embedded cloud
    with tempfile.TemporaryDirectory() as folder, LocalCloud.start(timeout=120) as cloud:
        app = App(outdir=f"{folder}/cdk.out")
        build(Stack(app, "Servers"))
        assembly = app.synth().directory
        before, used = time.monotonic(), _cpu(others)
        cloud.deploy(assembly)
        start, start_cpu = time.monotonic() - before, _cpu(others) - used
        time.sleep(5)  # what the deployment has left to do
        before, used = time.monotonic(), _cpu(others)
        time.sleep(_IDLE_SECONDS)
        idle = (_cpu(others) - used) / (time.monotonic() - before)
        return Measured(start, start_cpu, idle, len(family(others)) - 1)


def main() -> int:
    """Print what was seen, and return 1 when a goal is missed."""
    seen = measure()
    console = Console()
    console.print(f"{SERVICES} services, 2 databases and a cache: {seen.processes} processes")
    console.print(f"start {seen.start:.1f} s (at most {START_GOAL:g}), {seen.start_cpu:.1f} s of CPU")
    console.print(f"idle {100 * seen.idle:.1f} % of a core (at most {100 * IDLE_GOAL:g})")
    return 0 if seen.start <= START_GOAL and seen.idle <= IDLE_GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
