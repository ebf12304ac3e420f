"""How log events become lines in S3 that Athena finds: Firehose with a function, and a table by service and day."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.paths import stack_of
from cdp_constructs.data._catalog import JSON_LINES, Partition, add_catalog_table
from cdp_constructs.data._delivery_role import add_delivery_role, allow_transforming, encryption_of, transformed_by

LINES = "logs/"
ERRORS = "errors/"
COLUMNS = {
    "at": "timestamp",
    "id": "string",
    "log_group": "string",
    "log_stream": "string",
    "level": "string",
    "message": "string",
}
# At least 64 MB with dynamic partitioning: https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning.html
_BUFFER_MB = 64
# What the function gets at a time is compressed, and so is what it answers; the answer may have 6 MB.
_TRANSFORMED_MB = 1
_RETRIED_FOR = Duration.hours(2)


def add_line_table(
    scope: Construct, *, bucket: s3.IBucket, database_name: str, table_name: str, oldest: int
) -> glue.CfnTable:
    """Add a database and a table over what Firehose files by service and day.

    Args:
        scope: The pattern.
        bucket: Holds the lines below ``logs/``.
        database_name: Lower case.
        table_name: Lower case.
        oldest: How many days back queries look.
    """
    services = {"type": "injected"}  # until the first one is named
    dates = {
        "type": "date",
        "format": "yyyy-MM-dd",
        "range": f"NOW-{oldest}DAYS,NOW",
        "interval": "1",
        "interval.unit": "DAYS",
    }
    return add_catalog_table(
        scope,
        bucket=bucket,
        prefix=LINES,
        database_name=database_name,
        table_name=table_name,
        columns=COLUMNS,
        partitions=(
            Partition("service", "Whose lines these are", services),
            Partition("day", "Day of arrival, UTC", dates),
        ),
        data_format=JSON_LINES,
    )


def add_line_delivery(
    scope: Construct,
    *,
    bucket: s3.IBucket,
    function: lambda_.IFunction,
    interval: Duration,
    encryption_key: kms.IKey | None,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> tuple[firehose.CfnDeliveryStream, iam.Role]:
    """Add a delivery stream that takes log events, and the role under which subscription filters put them.

    Args:
        scope: The pattern.
        bucket: Takes lines below ``logs/``, and what cannot be one below ``errors/``.
        function: Makes lines of log events, and says whose they are.
        interval: How long they are gathered.
        encryption_key: Encrypts what Firehose holds and its log; None for keys of AWS.
        log_retention: How long the log of deliveries is kept.
        removal_policy: What happens to the log when the stack is deleted.
    """
    made = add_delivery_role(
        scope,
        bucket=bucket,
        prefixes=(LINES, ERRORS),
        statements=[allow_transforming(function)],
        encryption_key=encryption_key,
        log_retention=log_retention,
        removal_policy=removal_policy,
    )
    kind = firehose.CfnDeliveryStream
    stream = kind(
        scope,
        "DeliveryStream",
        delivery_stream_type="DirectPut",
        delivery_stream_encryption_configuration_input=encryption_of(encryption_key),
        extended_s3_destination_configuration=kind.ExtendedS3DestinationConfigurationProperty(
            bucket_arn=bucket.bucket_arn,
            role_arn=made.role.role_arn,
            prefix=f"{LINES}service=!{{partitionKeyFromLambda:service}}/day=!{{timestamp:yyyy-MM-dd}}/",
            error_output_prefix=f"{ERRORS}!{{firehose:error-output-type}}/!{{timestamp:yyyy-MM-dd}}/",
            buffering_hints=kind.BufferingHintsProperty(
                interval_in_seconds=interval.to_seconds(), size_in_m_bs=_BUFFER_MB
            ),
            # The function compresses: gzip files one behind the other are one gzip file (RFC 1952, 2.2).
            compression_format="UNCOMPRESSED",
            file_extension=".jsonl.gz",
            cloud_watch_logging_options=made.logging,
            dynamic_partitioning_configuration=kind.DynamicPartitioningConfigurationProperty(
                enabled=True,
                retry_options=kind.RetryOptionsProperty(duration_in_seconds=_RETRIED_FOR.to_seconds()),
            ),
            processing_configuration=transformed_by(function, made.role, megabytes=_TRANSFORMED_MB),
        ),
    )
    stream.node.add_dependency(made.policy)
    return stream, _add_subscribing_role(scope, stream)


def _add_subscribing_role(scope: Construct, stream: firehose.CfnDeliveryStream) -> iam.Role:
    """Add the role of CloudWatch Logs, which puts the events of all subscribed log groups."""
    from_here = stack_of(scope).format_arn(service="logs", resource="*")
    return iam.Role(
        scope,
        "SubscriptionRole",
        assumed_by=iam.ServicePrincipal("logs.amazonaws.com", conditions={"ArnLike": {"aws:SourceArn": from_here}}),
        inline_policies={
            "Put": iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        actions=["firehose:PutRecord", "firehose:PutRecordBatch"],
                        resources=[stream.attr_arn],
                    )
                ]
            )
        },
    )
