"""Under which role Firehose delivers to a bucket, and where it writes what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.cdk import lambda_
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.paths import stack_of

__all__ = ["DeliveryRole", "add_delivery_role", "allow_transforming", "encryption_of", "known_as", "transformed_by"]

_RETRIES = 3


@dataclass(frozen=True)
class DeliveryRole:
    """What a delivery stream to a bucket needs.

    Args:
        role: Firehose assumes it.
        policy: What it may; a delivery stream is made after it.
        logging: The log of deliveries.
    """

    role: iam.Role
    policy: iam.Policy
    logging: firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty


def add_delivery_role(
    scope: Construct,
    *,
    bucket: s3.IBucket,
    prefixes: Sequence[str],
    statements: Sequence[iam.PolicyStatement],
    encryption_key: kms.IKey | None,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> DeliveryRole:
    """Add the role, which may put objects below some prefixes and write one stream of one log.

    Args:
        scope: The pattern.
        bucket: Takes the objects.
        prefixes: Below which they are.
        statements: What it may beside that.
        encryption_key: Encrypts the log; None for a key of CloudWatch Logs.
        log_retention: How long the log is kept.
        removal_policy: What happens to the log when the stack is deleted.
    """
    stack = stack_of(scope)
    log_group = add_log_group(
        scope, "Logs", log_retention=log_retention, encryption_key=encryption_key, removal_policy=removal_policy
    )
    log_stream = logs.LogStream(scope, "DeliveryLog", log_group=log_group, removal_policy=RemovalPolicy.DESTROY)
    role = iam.Role(
        scope,
        "DeliveryRole",
        assumed_by=iam.ServicePrincipal(
            "firehose.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
        ),
    )
    # From the name: the group's own ARN ends with ":*", which matches no ARN of a stream once more follows.
    log_arn = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{log_group.log_group_name}:log-stream:{log_stream.log_stream_name}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    objects = [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes]
    policy = iam.Policy(
        scope,
        "DeliveryPolicy",
        roles=[role],
        statements=[
            iam.PolicyStatement(actions=["s3:PutObject", "s3:AbortMultipartUpload"], resources=objects),
            iam.PolicyStatement(
                actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                resources=[bucket.bucket_arn],
            ),
            *statements,
            iam.PolicyStatement(actions=["logs:PutLogEvents"], resources=[log_arn]),
        ],
    )
    reason = "Firehose chooses the names of objects; it may put them below the prefixes of this layer only."
    acknowledge_resources(policy, [*objects, log_arn], reason)
    if bucket.encryption_key is not None:
        bucket.encryption_key.grant(role, *USE_KEY)
    logging = firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
        enabled=True, log_group_name=log_group.log_group_name, log_stream_name=log_stream.log_stream_name
    )
    return DeliveryRole(role, policy, logging)


def known_as(scope: Construct, stream: firehose.CfnDeliveryStream) -> firehose.IDeliveryStream:
    """Return a delivery stream as applications give it to other constructs.

    For them only: with it the CDK adds the mapping of Firehose's address ranges to the template, which is of use to a
    security group alone.

    Args:
        scope: The pattern.
        stream: Its delivery stream.
    """
    return firehose.DeliveryStream.from_delivery_stream_attributes(
        scope, "Deliveries", delivery_stream_arn=stream.attr_arn, delivery_stream_name=stream.ref
    )


def allow_transforming(function: "lambda_.IFunction") -> iam.PolicyStatement:
    """Return what lets Firehose invoke a function: it calls the newest code by this name."""
    functions = [function.function_arn, f"{function.function_arn}:$LATEST"]
    return iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=functions)


def transformed_by(
    function: "lambda_.IFunction", role: iam.Role, *, megabytes: float
) -> firehose.CfnDeliveryStream.ProcessingConfigurationProperty:
    """Return how a function transforms records before they are converted or delivered.

    Args:
        function: The function; see ``allow_transforming``.
        role: Firehose invokes it under this.
        megabytes: What it gets at a time, so that what it answers fits into the 6 MB of Lambda.
    """
    kind = firehose.CfnDeliveryStream
    parameters = {
        "LambdaArn": function.function_arn,
        "RoleArn": role.role_arn,
        "NumberOfRetries": str(_RETRIES),
        "BufferSizeInMBs": str(megabytes),
        "BufferIntervalInSeconds": "60",
    }
    return kind.ProcessingConfigurationProperty(
        enabled=True,
        processors=[
            kind.ProcessorProperty(
                type="Lambda",
                parameters=[
                    kind.ProcessorParameterProperty(parameter_name=name, parameter_value=value)
                    for name, value in parameters.items()
                ],
            )
        ],
    )


def encryption_of(
    encryption_key: kms.IKey | None,
) -> firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty:
    """Return how Firehose encrypts what it holds: with a key of AWS, or a customer-managed one."""
    return firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty(
        key_type="AWS_OWNED_CMK" if encryption_key is None else "CUSTOMER_MANAGED_CMK",
        key_arn=encryption_key.key_arn if encryption_key is not None else None,
    )
