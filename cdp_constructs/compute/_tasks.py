"""One way to make a cluster, a task definition and a service on AWS Fargate."""

from dataclasses import replace
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.compute.service_container import ServiceContainer
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.security_groups import described
from cdp_constructs.core.validation import InvalidOptionError

if TYPE_CHECKING:
    from cdp_constructs.compute.service_front import ServiceFront

CONTAINER = "main"
_FEWEST_ZONES = 2
_HTTPS = 443
_ALL = 100


def add_cluster(scope: Construct, vpc: ec2.IVpc) -> ecs.Cluster:
    """Add a cluster with Container Insights."""
    return ecs.Cluster(scope, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED)


def subnets_of_tasks(
    scope: Construct, vpc: ec2.IVpc, vpc_subnets: ec2.SubnetSelection | None = None, *, option: str = "vpc_subnets"
) -> ec2.SubnetSelection:
    """Return the subnets of tasks: those given, else the private ones, else the isolated ones.

    Raises:
        InvalidOptionError: when they are in one zone only.
    """
    if vpc_subnets is None:
        subnets = list(vpc.private_subnets or vpc.isolated_subnets)
    else:
        selected = vpc.select_subnets(
            availability_zones=vpc_subnets.availability_zones,
            one_per_az=vpc_subnets.one_per_az,
            subnet_filters=vpc_subnets.subnet_filters,
            subnet_group_name=vpc_subnets.subnet_group_name,
            subnets=vpc_subnets.subnets,
            subnet_type=vpc_subnets.subnet_type,
        )
        subnets = list(selected.subnets)
    zones = len({subnet.availability_zone for subnet in subnets})
    if zones < _FEWEST_ZONES:
        problem = f"has {zones} zone{'' if zones == 1 else 's'} with subnets for tasks"
        fix = f"Give private or isolated subnets in {_FEWEST_ZONES} zones or more"
        raise InvalidOptionError(scope, option, problem, fix)
    return ec2.SubnetSelection(subnets=subnets)


def add_task_definition(
    scope: Construct,
    container: ServiceContainer,
    log_group: logs.ILogGroup,
    *,
    construct_id: str = "TaskDefinition",
    listens: bool = True,
    health_check: ecs.HealthCheck | None = None,
    roles_of: ecs.FargateTaskDefinition | None = None,
) -> ecs.FargateTaskDefinition:
    """Add a task definition of one container with a read-only root file system and its own folders to write to.

    Args:
        scope: The pattern.
        container: What runs.
        log_group: Where its output goes.
        construct_id: Id inside ``scope``.
        listens: Whether it has a port.
        health_check: What Amazon ECS asks inside the container. Default: nothing.
        roles_of: Another task definition, whose roles this one has. Default: roles of its own.
    """
    definition = ecs.FargateTaskDefinition(
        scope,
        construct_id,
        task_role=None if roles_of is None else roles_of.task_role,
        execution_role=None if roles_of is None else roles_of.obtain_execution_role(),
        cpu=container.cpu,
        memory_limit_mib=container.memory_limit_mib,
        runtime_platform=ecs.RuntimePlatform(
            cpu_architecture=container.cpu_architecture or ecs.CpuArchitecture.X86_64,
            operating_system_family=ecs.OperatingSystemFamily.LINUX,
        ),
    )
    made = definition.add_container(
        CONTAINER,
        container_name=CONTAINER,
        image=container.image,
        command=None if container.command is None else list(container.command),
        environment=dict(container.environment),
        secrets=dict(container.secrets),
        port_mappings=[ecs.PortMapping(container_port=container.port)] if listens else [],
        readonly_root_filesystem=True,
        # An init process passes SIGTERM on and reaps children, whatever the image starts.
        linux_parameters=ecs.LinuxParameters(definition, "Init", init_process_enabled=True),
        stop_timeout=container.stop_timeout,
        health_check=health_check,
        logging=ecs.LogDriver.aws_logs(stream_prefix=CONTAINER, log_group=log_group),
    )
    for number, folder in enumerate(container.writable_paths, start=1):
        volume = f"writable-{number}"
        definition.add_volume(name=volume)
        made.add_mount_points(ecs.MountPoint(container_path=folder, source_volume=volume, read_only=False))
    if container.environment:
        reason = "Variables in the template are settings; secrets are given as secrets and read when a task starts."
        acknowledge(definition, "AwsSolutions-ECS2", reason)
    if roles_of is None and isinstance(definition.execution_role, iam.Role):
        reason = "ecr:GetAuthorizationToken has no resource to name; what may be pulled is limited by the repository."
        acknowledge(definition.execution_role, "AwsSolutions-IAM5[Resource::*]", reason)
    return definition


def add_sized_definition(
    scope: Construct,
    construct_id: str,
    own: ecs.FargateTaskDefinition,
    container: ServiceContainer,
    log_group: logs.ILogGroup,
    *,
    cpu: int,
    memory_limit_mib: int,
    health_check: ecs.HealthCheck | None = None,
) -> ecs.FargateTaskDefinition:
    """Return a task definition of a size: a service's own, or a new one with its roles.

    Args:
        scope: The pattern.
        construct_id: Id of a new one inside ``scope``.
        own: The service's own.
        container: What runs in it, and its size.
        log_group: Where its output goes.
        cpu: CPU units that are wanted.
        memory_limit_mib: Memory in MiB that is wanted.
        health_check: What Amazon ECS asks inside the container. Default: nothing.

    Raises:
        InvalidOptionError: for a size that AWS Fargate does not have.
    """
    if (container.cpu, container.memory_limit_mib) == (cpu, memory_limit_mib):
        return own
    sized = replace(container, cpu=cpu, memory_limit_mib=memory_limit_mib)
    return add_task_definition(
        scope, sized, log_group, construct_id=construct_id, health_check=health_check, roles_of=own
    )


def check_network(
    scope: Construct, option: str, given: "ecs.ICluster | ServiceFront | None", vpc: ec2.IVpc, *, fix: str
) -> None:
    """Refuse a cluster or a load balancer that tasks of a network cannot have.

    Args:
        scope: The pattern.
        option: The option's name.
        given: What was given.
        vpc: The network of the tasks.
        fix: What to give instead.

    Raises:
        InvalidOptionError: naming what is in another network.
    """
    if given is not None and given.vpc.vpc_id != vpc.vpc_id:
        raise InvalidOptionError(scope, option, f"is {given.node.path}, which is in another network", fix)


def add_service(
    scope: Construct,
    *,
    cluster: ecs.ICluster,
    definition: ecs.FargateTaskDefinition,
    vpc_subnets: ec2.SubnetSelection,
    desired_count: int | None,
    min_healthy_percent: int,
    max_healthy_percent: int,
    health_check_grace_period: Duration | None = None,
) -> ecs.FargateService:
    """Add a service whose tasks have no public address and may call AWS by HTTPS and nothing else.

    A deployment whose tasks do not become healthy is rolled back. Where a service may have more tasks for a while, it
    moves them when a zone has more than another.
    """
    rebalancing = ecs.AvailabilityZoneRebalancing
    group = ec2.SecurityGroup(
        scope,
        "SecurityGroup",
        vpc=cluster.vpc,
        description=described(f"Tasks of {path_of(scope)}"),
        allow_all_outbound=False,
    )
    group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_HTTPS), "HTTPS to AWS")
    return ecs.FargateService(
        scope,
        "Service",
        cluster=cluster,
        task_definition=definition,
        vpc_subnets=vpc_subnets,
        security_groups=[group],
        assign_public_ip=False,
        desired_count=desired_count,
        min_healthy_percent=min_healthy_percent,
        max_healthy_percent=max_healthy_percent,
        circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
        availability_zone_rebalancing=rebalancing.ENABLED if max_healthy_percent > _ALL else rebalancing.DISABLED,
        health_check_grace_period=health_check_grace_period,
        enable_execute_command=False,
        propagate_tags=ecs.PropagatedTagSource.SERVICE,
    )
