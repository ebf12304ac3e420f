"""The tasks of QueueWorkers: their network, and what they may do."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.isolated_networks import add_isolated_vpc
from cdp_constructs.core.paths import stack_of

__all__ = ["add_worker_vpc", "allow_work"]

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


def allow_work(
    definition: ecs.FargateTaskDefinition,
    cluster: ecs.ICluster,
    queues: Sequence[sqs.IQueue],
    keys: Sequence[kms.IKey],
) -> None:
    """Let tasks work off these queues, and protect themselves from being stopped."""
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
