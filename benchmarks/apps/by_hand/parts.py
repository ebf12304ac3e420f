"""What hand-written stacks of one team have in common: alarms, queues and buckets."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct


def add_alarm(
    scope: Construct,
    construct_id: str,
    metric: cloudwatch.IMetric,
    operators: sns.ITopic,
    description: str,
    *,
    threshold: float = 1,
    evaluation_periods: int = 1,
) -> None:
    """Add an alarm that notifies operators, and tells them when it is over."""
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        metric=metric,
        threshold=threshold,
        evaluation_periods=evaluation_periods,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=description,
    )
    alarm.add_alarm_action(actions.SnsAction(operators))
    alarm.add_ok_action(actions.SnsAction(operators))


def add_queue(
    scope: Construct,
    construct_id: str,
    *,
    key: kms.IKey | None = None,
    dead_letter_queue: sqs.Queue | None = None,
    visibility_timeout: Duration | None = None,
) -> sqs.Queue:
    """Add an encrypted queue that keeps messages for 14 days."""
    return sqs.Queue(
        scope,
        construct_id,
        retention_period=Duration.days(14),
        visibility_timeout=visibility_timeout,
        enforce_ssl=True,
        encryption=sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
        encryption_master_key=key,
        data_key_reuse=Duration.hours(1) if key else None,
        dead_letter_queue=(
            sqs.DeadLetterQueue(queue=dead_letter_queue, max_receive_count=5) if dead_letter_queue else None
        ),
    )


def add_dead_letter_alarm(scope: Construct, construct_id: str, queue: sqs.Queue, operators: sns.ITopic) -> None:
    """Add an alarm for the first message of a dead-letter queue."""
    metric = queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="max")
    add_alarm(scope, construct_id, metric, operators, f"{queue.node.id} holds messages")


def access_logs(stack: Stack) -> s3.IBucket:
    """Return the stack's bucket for access logs."""
    existing = stack.node.try_find_child("AccessLogs")
    if existing is not None:
        return existing  # type: ignore[return-value]  # made below
    return s3.Bucket(
        stack,
        "AccessLogs",
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
        removal_policy=RemovalPolicy.RETAIN,
        lifecycle_rules=[s3.LifecycleRule(id="ExpireLogs", expiration=Duration.days(365))],
    )


def add_bucket(
    scope: Construct,
    construct_id: str,
    *,
    lifecycle_rules: Sequence[s3.LifecycleRule] = (),
    cors: Sequence[s3.CorsRule] | None = None,
) -> s3.Bucket:
    """Add a private bucket: versioned, encrypted, TLS only, logged."""
    return s3.Bucket(
        scope,
        construct_id,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        versioned=True,
        removal_policy=RemovalPolicy.RETAIN,
        server_access_logs_bucket=access_logs(Stack.of(scope)),
        server_access_logs_prefix=f"s3/{scope.node.id}/",
        cors=cors,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="AbortIncompleteMultipartUploads", abort_incomplete_multipart_upload_after=Duration.days(1)
            ),
            *lifecycle_rules,
        ],
    )
