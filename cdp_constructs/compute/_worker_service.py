"""The tasks of QueueWorkers: their network, and what they may do."""

from collections.abc import Sequence

from aws_cdk import Annotations, ArnFormat, RemovalPolicy, Resource
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
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["add_worker_vpc", "allow_work", "dead_letter_queue_of"]

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


def dead_letter_queue_of(scope: Construct, queue: sqs.IQueue) -> sqs.IQueue | None:
    """Return where jobs of an existing queue go that failed too often; None of an imported one, which does not say.

    Raises:
        InvalidOptionError: when the queue is defined in this app and keeps such jobs for ever. Of an imported queue a
            warning says what it must have.
    """
    if not Resource.is_owned_resource(queue):
        Annotations.of(scope).add_warning_v2(
            "cdp-constructs:ImportedWorkQueue",
            f"The imported queue {queue.node.path} is not changed. Make sure that it has a redrive policy and that its "
            "dead-letter queue has an alarm: without them a job that always fails is tried until it expires.",
        )
        return None
    known: sqs.DeadLetterQueue | None = getattr(queue, "dead_letter_queue", None)
    if known is not None:
        return known.queue
    resource: sqs.CfnQueue = queue.node.default_child  # type: ignore[assignment]  # its only L1
    if resource.redrive_policy is None:
        fix = (
            "Make it with dead_letter_queue=DeadLetterQueue(queue=…, max_receive_count=…), and an alarm for that queue"
        )
        raise InvalidOptionError(scope, "queues", f"contains {queue.node.path}, which has no dead-letter queue", fix)
    return None


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
    reason = (
        "A task may protect every task of its cluster, also those of other services, and end the protection; nothing "
        "else. A task does so for itself: ids of tasks are known only when they run, and the condition key of these "
        "actions, ecs:cluster, says no more than the ARN."
    )
    acknowledge_resources(policy, [tasks], reason)
    for key in keys:
        key.grant(definition.task_role, "kms:Decrypt")
