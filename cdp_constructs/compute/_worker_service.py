"""The tasks of QueueWorkers: their network, their definition, and what they may do."""

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.compute.work_queue import WorkerTask
from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_resources
from cdp_constructs.core.isolated_networks import add_isolated_vpc
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.paths import path_of, stack_of

__all__ = ["add_service", "add_task_definition", "add_worker_vpc"]

_RECEIVE = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]


def add_worker_vpc(
    scope: Construct,
    *,
    encryption_key: kms.IKey | None,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> ec2.Vpc:
    """Add a network without a way to the internet, with what tasks need: images, logs and queues."""
    services = ec2.InterfaceVpcEndpointAwsService
    return add_isolated_vpc(
        scope,
        subnet_name="Workers",
        encryption_key=encryption_key,
        log_retention=log_retention,
        removal_policy=removal_policy,
        endpoints={
            "Queues": services.SQS,
            "Images": services.ECR,
            "ImageLayers": services.ECR_DOCKER,
            "LogEntries": services.CLOUDWATCH_LOGS,
        },
    )


def add_task_definition(
    scope: Construct,
    task: WorkerTask,
    *,
    cluster: ecs.ICluster,
    environment: Mapping[str, str],
    queues: Sequence[sqs.IQueue],
    keys: Sequence[kms.IKey],
    log_group: logs.LogGroup,
) -> ecs.FargateTaskDefinition:
    """Add the definition of the tasks, whose role may work off these queues and protect the cluster's tasks."""
    architecture = ecs.CpuArchitecture.ARM64 if task.arm else ecs.CpuArchitecture.X86_64
    platform = ecs.RuntimePlatform(
        cpu_architecture=architecture, operating_system_family=ecs.OperatingSystemFamily.LINUX
    )
    definition = ecs.FargateTaskDefinition(
        scope, "Task", cpu=task.cpu, memory_limit_mib=task.memory_mib, runtime_platform=platform
    )
    definition.add_container(
        "Worker",
        image=task.image,
        environment={**task.environment, **environment},
        logging=ecs.LogDriver.aws_logs(stream_prefix="worker", log_group=log_group),
        stop_timeout=task.stop_timeout,
        essential=True,
    )
    acknowledge(definition, "AwsSolutions-ECS2", "Addresses of queues and settings; secrets have a place of their own.")
    _allow_work(definition, cluster, queues, keys)
    if definition.execution_role is not None:
        reason = "ECR's GetAuthorizationToken has no resource; images and log group are named."
        acknowledge(definition.execution_role, "AwsSolutions-IAM5[Resource::*]", reason)
    return definition


def _allow_work(
    definition: ecs.FargateTaskDefinition,
    cluster: ecs.ICluster,
    queues: Sequence[sqs.IQueue],
    keys: Sequence[kms.IKey],
) -> None:
    tasks = stack_of(definition).format_arn(
        service="ecs",
        resource="task",
        resource_name=f"{cluster.cluster_name}/*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
    statements = [
        iam.PolicyStatement(actions=_RECEIVE, resources=[queue.queue_arn for queue in queues]),
        iam.PolicyStatement(actions=["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"], resources=[tasks]),
    ]
    policy = iam.Policy(definition, "Work", roles=[definition.task_role], statements=statements)
    acknowledge_resources(policy, [tasks], "A task protects itself, and its id is known only when it runs.")
    for key in keys:
        key.grant(definition.task_role, "kms:Decrypt")


def add_service(scope: Construct, cluster: ecs.ICluster, definition: ecs.FargateTaskDefinition) -> ecs.FargateService:
    """Add the service; Application Auto Scaling sets its count, so no deployment sets it back."""
    vpc = cluster.vpc
    service = ecs.FargateService(
        scope,
        "Service",
        cluster=cluster,
        task_definition=definition,
        vpc_subnets=ec2.SubnetSelection(subnets=vpc.private_subnets or vpc.isolated_subnets),
        security_groups=[
            ec2.SecurityGroup(scope, "SecurityGroup", vpc=vpc, description=f"Workers of {path_of(scope)}")
        ],
        min_healthy_percent=100,
        max_healthy_percent=200,
        circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
    )
    resource: ecs.CfnService = service.node.find_child("Service")  # type: ignore[assignment]  # its only L1
    resource.add_property_deletion_override("DesiredCount")
    return service


def add_logs(
    scope: Construct,
    *,
    encryption_key: kms.IKey | None,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> logs.LogGroup:
    """Add the log group of the tasks."""
    return add_log_group(
        scope, "Logs", log_retention=log_retention, removal_policy=removal_policy, encryption_key=encryption_key
    )
