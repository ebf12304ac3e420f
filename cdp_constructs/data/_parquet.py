"""How records become Parquet that Athena finds: a table that knows its partitions, and Firehose that writes them."""

from collections.abc import Mapping

from aws_cdk import CfnDeletionPolicy, Duration, RemovalPolicy
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.cdk import kinesis, lambda_
from cdp_constructs.core.paths import stack_of
from cdp_constructs.data._catalog import PARQUET, Partition, add_catalog_table, glue_arns, name_of
from cdp_constructs.data._delivery_role import add_delivery_role, allow_transforming, encryption_of, transformed_by
from cdp_constructs.data._records import PARTITION

RECORDS = "telemetry/"
ERRORS = "errors/"
# What a function is given at once. Its answer has 6 MB at most, and a record in it is longer than what it was made of.
_TRANSFORMED_MB = 0.5
# Firehose asks for at least 64 MB where it converts; the interval ends most objects before.
_BUFFER_MB = 128


def add_parquet_table(
    scope: Construct, *, bucket: s3.IBucket, database_name: str, table_name: str, columns: Mapping[str, str]
) -> glue.CfnTable:
    """Add a database and a table over what Firehose files by the hour.

    Args:
        scope: The pattern.
        bucket: Holds the records below ``telemetry/``.
        database_name: Lower case.
        table_name: Lower case.
        columns: Types by name.
    """
    hours = {
        "type": "date",
        "format": "yyyy-MM-dd-HH",
        "range": "NOW-10YEARS,NOW",
        "interval": "1",
        "interval.unit": "HOURS",
    }
    return add_catalog_table(
        scope,
        bucket=bucket,
        prefix=RECORDS,
        database_name=database_name,
        table_name=table_name,
        columns=columns,
        partitions=(Partition(PARTITION, "Hour of arrival, UTC", hours),),
        data_format=PARQUET,
    )


def add_parquet_delivery(
    scope: Construct,
    *,
    bucket: s3.IBucket,
    table: glue.CfnTable,
    interval: Duration,
    source: "kinesis.IStream | None" = None,
    function: "lambda_.Function | None" = None,
    encryption_key: kms.IKey | None,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> firehose.CfnDeliveryStream:
    """Add a delivery stream that gathers JSON records and puts them into the bucket by the table's schema.

    Args:
        scope: The pattern.
        bucket: Takes the records below ``telemetry/``, and what does not fit below ``errors/``.
        table: Of ``add_parquet_table``.
        interval: How long records are gathered.
        source: A stream whose records are delivered. Default: those that are put into the delivery stream.
        function: Transforms records before they are converted. Default: they are converted as they are.
        encryption_key: Encrypts what Firehose holds and its log; None for keys of AWS.
        log_retention: How long the log of deliveries is kept.
        removal_policy: What happens to the log when the stack is deleted.
    """
    stack = stack_of(scope)
    reading_the_schema = iam.PolicyStatement(
        actions=["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"], resources=glue_arns(scope, table)
    )
    made = add_delivery_role(
        scope,
        bucket=bucket,
        prefixes=(RECORDS, ERRORS),
        statements=[reading_the_schema],
        encryption_key=encryption_key,
        log_retention=log_retention,
        removal_policy=removal_policy,
    )
    role, policy = made.role, made.policy
    if source is not None:
        _allow_reading(policy, role, source)
    if function is not None:
        policy.add_statements(allow_transforming(function))
    stream_type = firehose.CfnDeliveryStream
    destination = stream_type.ExtendedS3DestinationConfigurationProperty(
        bucket_arn=bucket.bucket_arn,
        role_arn=role.role_arn,
        prefix=f"{RECORDS}{PARTITION}=!{{timestamp:yyyy-MM-dd-HH}}/",
        error_output_prefix=f"{ERRORS}!{{firehose:error-output-type}}/!{{timestamp:yyyy-MM-dd}}/",
        buffering_hints=stream_type.BufferingHintsProperty(
            interval_in_seconds=interval.to_seconds(), size_in_m_bs=_BUFFER_MB
        ),
        # Parquet is compressed in itself.
        compression_format="UNCOMPRESSED",
        cloud_watch_logging_options=made.logging,
        processing_configuration=(
            transformed_by(function, role, megabytes=_TRANSFORMED_MB) if function is not None else None
        ),
        data_format_conversion_configuration=stream_type.DataFormatConversionConfigurationProperty(
            enabled=True,
            input_format_configuration=stream_type.InputFormatConfigurationProperty(
                deserializer=stream_type.DeserializerProperty(open_x_json_ser_de=stream_type.OpenXJsonSerDeProperty())
            ),
            output_format_configuration=stream_type.OutputFormatConfigurationProperty(
                serializer=stream_type.SerializerProperty(
                    parquet_ser_de=stream_type.ParquetSerDeProperty(compression="SNAPPY")
                )
            ),
            schema_configuration=stream_type.SchemaConfigurationProperty(
                catalog_id=stack.account,
                database_name=table.database_name,
                table_name=name_of(table),
                region=stack.region,
                role_arn=role.role_arn,
                version_id="LATEST",
            ),
        ),
    )
    stream = stream_type(
        scope,
        "DeliveryStream",
        delivery_stream_type="DirectPut" if source is None else "KinesisStreamAsSource",
        kinesis_stream_source_configuration=(
            None
            if source is None
            else stream_type.KinesisStreamSourceConfigurationProperty(
                kinesis_stream_arn=source.stream_arn, role_arn=role.role_arn
            )
        ),
        # Of a stream that is read Firehose keeps nothing that is not in the stream, as it is encrypted there.
        delivery_stream_encryption_configuration_input=(None if source is not None else encryption_of(encryption_key)),
        extended_s3_destination_configuration=destination,
    )
    stream.node.add_dependency(table)
    stream.node.add_dependency(policy)
    if source is not None:
        # The source cannot be changed in place. A delivery stream that is replaced by one that reads still has minutes
        # of records, which are lost with it: it stays, and delivers them.
        stream.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        acknowledge(stream, "AwsSolutions-KDF1", "It reads a stream, which encrypts the records; AWS allows no other.")
    return stream


def _allow_reading(policy: iam.Policy, role: iam.Role, source: "kinesis.IStream") -> None:
    policy.add_statements(
        iam.PolicyStatement(
            actions=["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"],
            resources=[source.stream_arn],
        )
    )
    if source.encryption_key is not None:
        source.encryption_key.grant(role, "kms:Decrypt")
