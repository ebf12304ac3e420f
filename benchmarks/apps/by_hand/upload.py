"""Users upload pictures straight to S3 with signed forms; what passed a check of its bytes is announced."""

from dataclasses import dataclass

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from benchmarks.apps.by_hand.functions import LIBRARY, add_function
from benchmarks.apps.by_hand.parts import add_alarm, add_bucket, add_dead_letter_alarm, add_queue

_RULES = {"CONTENT_TYPES": '["image/jpeg"]', "MAX_BYTES": "10000000"}
_ORIGINS = ["https://www.example.com"]


@dataclass(frozen=True)
class Upload:
    """What other parts of a system need of it."""

    bucket: s3.Bucket
    topic: sns.Topic
    form_function: lambda_.Function


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:
    """Add the upload."""
    add_upload(stack, name, operators)


def add_upload(stack: Stack, name: str, operators: sns.ITopic) -> Upload:
    """Add the upload, and return its parts."""
    scope = Construct(stack, name)
    bucket = _add_bucket(scope)
    key = kms.Key(scope, "Key", enable_key_rotation=True, description="Encrypts the topic of accepted uploads")
    topic = sns.Topic(scope, "Accepted", master_key=key, enforce_ssl=True)
    form = add_function(
        scope,
        "FormFunction",
        "upload/form",
        "Signs forms",
        environment={
            **_RULES,
            "BUCKET": bucket.bucket_name,
            "EXPIRES_IN": "300",
            "INCOMING_PREFIX": "incoming/",
        },
    )
    iam.Policy(
        scope,
        "FormObjects",
        roles=[form.role],  # type: ignore[list-item]  # it was given one
        statements=[
            iam.PolicyStatement(actions=["s3:PutObject"], resources=[bucket.arn_for_objects("incoming/*")]),
        ],
    )
    failed = add_queue(scope, "DeadLetterQueue")
    add_dead_letter_alarm(scope, "DeadLetterQueueAlarm", failed, operators)
    queue = add_queue(scope, "Queue", dead_letter_queue=failed, visibility_timeout=Duration.minutes(3))
    confirmation = _add_confirmation(scope, bucket, topic, key)
    lambda_.EventSourceMapping(
        scope,
        "Confirmation",
        target=confirmation,
        event_source_arn=queue.queue_arn,
        batch_size=5,
        max_concurrency=10,
        report_batch_item_failures=True,
    )
    queue.grant_consume_messages(confirmation)
    _queue_events(scope, bucket, queue, failed)
    rejected = cloudwatch.Metric(
        namespace="CdpConstructs",
        metric_name="RejectedUploads",
        dimensions_map={"service": "ConfirmationFunction", "function_name": confirmation.function_name},
        period=Duration.minutes(5),
        statistic="sum",
    )
    add_alarm(scope, "RejectedAlarm", rejected, operators, "Many uploads were rejected", threshold=10)
    return Upload(bucket, topic, form)


def _add_bucket(scope: Construct) -> s3.Bucket:
    bucket = add_bucket(
        scope,
        "Bucket",
        cors=[
            s3.CorsRule(
                allowed_headers=["Content-Type", "Content-MD5"],
                allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.PUT],
                allowed_origins=_ORIGINS,
                exposed_headers=["ETag"],
                max_age=3000,
            )
        ],
        lifecycle_rules=[
            s3.LifecycleRule(
                id="ExpireUnconfirmed",
                prefix="incoming/",
                expiration=Duration.days(1),
                noncurrent_version_expiration=Duration.days(14),
            ),
            s3.LifecycleRule(
                id="ExpireQuarantined",
                prefix="quarantine/",
                expiration=Duration.days(30),
                noncurrent_version_expiration=Duration.days(1),
            ),
            s3.LifecycleRule(id="RemoveLoneDeleteMarkers", expired_object_delete_marker=True),
        ],
    )
    resource: s3.CfnBucket = bucket.node.default_child  # type: ignore[assignment]  # its only L1
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )
    return bucket


def _add_confirmation(scope: Construct, bucket: s3.Bucket, topic: sns.Topic, key: kms.Key) -> lambda_.Function:
    correlation = lambda_.LayerVersion(
        scope,
        "Correlation",
        code=lambda_.Code.from_asset(str(LIBRARY / "core/layers/correlation"), exclude=["__pycache__"]),
        description="Module correlation",
    )
    function = add_function(
        scope,
        "ConfirmationFunction",
        "upload/confirmation",
        "Checks uploaded files by their bytes",
        environment={
            **_RULES,
            "ACCEPTED_PREFIX": "accepted/",
            "QUARANTINE_PREFIX": "quarantine/",
            "TEXT_ENCODINGS": '["utf-8"]',
            "TOPIC_ARN": topic.topic_arn,
            "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        },
        layers=[correlation],
        timeout=Duration.seconds(30),
    )
    objects = bucket.arn_for_objects
    iam.Policy(
        scope,
        "ConfirmationObjects",
        roles=[function.role],  # type: ignore[list-item]  # it was given one
        statements=[
            iam.PolicyStatement(
                actions=["s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"],
                resources=[objects("incoming/*")],
            ),
            iam.PolicyStatement(actions=["s3:GetObject", "s3:PutObject"], resources=[objects("accepted/*")]),
            iam.PolicyStatement(actions=["s3:PutObject", "s3:PutObjectTagging"], resources=[objects("quarantine/*")]),
            iam.PolicyStatement(actions=["s3:ListBucket", "s3:ListBucketVersions"], resources=[bucket.bucket_arn]),
            iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn]),
        ],
    )
    key.grant(function, "kms:Decrypt", "kms:GenerateDataKey")
    return function


def _queue_events(scope: Construct, bucket: s3.Bucket, queue: sqs.Queue, failed: sqs.Queue) -> None:
    rule = events.CfnRule(
        scope,
        "Uploads",
        description="Objects below incoming/",
        event_pattern={
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket.bucket_name]}, "object": {"key": [{"prefix": "incoming/"}]}},
        },
        targets=[
            events.CfnRule.TargetProperty(
                id="Queue",
                arn=queue.queue_arn,
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=failed.queue_arn),
            )
        ],
    )
    for target in (queue, failed):
        target.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[target.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )
