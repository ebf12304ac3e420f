"""How records become Parquet that Athena finds: a table that knows its partitions, and Firehose that writes them."""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from aws_cdk import ArnFormat, CfnDeletionPolicy, Duration, RemovalPolicy
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_resources
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.paths import stack_of
from cdp_constructs.data._records import PARTITION

RECORDS = "telemetry/"
ERRORS = "errors/"
# Firehose asks for at least 64 MB where it converts; the interval ends most objects before.
_BUFFER_MB = 128
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


_names: WeakKeyDictionary[glue.CfnTable, str] = WeakKeyDictionary()
"""Names of tables that are made here: a table tells its own only with all columns, each a question to Node."""


def add_parquet_table(
    scope: Construct, *, bucket: s3.IBucket, database_name: str, table_name: str, columns: Mapping[str, str]
) -> glue.CfnTable:
    """Add a database and a table over what Firehose files by the hour; hours are computed, so no crawler is needed.

    Args:
        scope: The pattern.
        bucket: Holds the records below ``telemetry/``.
        database_name: Lower case.
        table_name: Lower case.
        columns: Types by name.
    """
    stack = stack_of(scope)
    database = glue.CfnDatabase(
        scope,
        "Database",
        catalog_id=stack.account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(name=database_name),
    )
    location = f"s3://{bucket.bucket_name}/{RECORDS}"
    column = glue.CfnTable.ColumnProperty
    table = glue.CfnTable(
        scope,
        "Table",
        catalog_id=stack.account,
        database_name=database_name,
        table_input=glue.CfnTable.TableInputProperty(
            name=table_name,
            table_type="EXTERNAL_TABLE",
            partition_keys=[column(name=PARTITION, type="string", comment="Hour of arrival, UTC")],
            parameters={
                "classification": "parquet",
                "projection.enabled": "true",
                f"projection.{PARTITION}.type": "date",
                f"projection.{PARTITION}.format": "yyyy-MM-dd-HH",
                f"projection.{PARTITION}.range": "NOW-10YEARS,NOW",
                f"projection.{PARTITION}.interval": "1",
                f"projection.{PARTITION}.interval.unit": "HOURS",
                "storage.location.template": f"{location}{PARTITION}=${{{PARTITION}}}/",
            },
            storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                columns=[column(name=name, type=kind) for name, kind in columns.items()],
                location=location,
                input_format=f"{_PARQUET}.MapredParquetInputFormat",
                output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"),
            ),
        ),
    )
    table.node.add_dependency(database)
    _names[table] = table_name
    return table


def add_parquet_delivery(
    scope: Construct,
    *,
    bucket: s3.IBucket,
    table: glue.CfnTable,
    interval: Duration,
    source: kinesis.IStream | None = None,
    encryption_key: kms.IKey | None,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> firehose.IDeliveryStream:
    """Add a delivery stream that gathers JSON records and puts them into the bucket by the table's schema.

    Args:
        scope: The pattern.
        bucket: Takes the records below ``telemetry/``, and what does not fit below ``errors/``.
        table: Of ``add_parquet_table``.
        interval: How long records are gathered.
        source: A stream whose records are delivered. Default: those that are put into the delivery stream.
        encryption_key: Encrypts what Firehose holds and its log; None for keys of AWS.
        log_retention: How long the log of deliveries is kept.
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
    policy = _delivery_policy(scope, role, bucket, table, log_arn)
    if source is not None:
        _allow_reading(policy, role, source)
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
        cloud_watch_logging_options=stream_type.CloudWatchLoggingOptionsProperty(
            enabled=True, log_group_name=log_group.log_group_name, log_stream_name=log_stream.log_stream_name
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
                table_name=_names[table],
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
        delivery_stream_encryption_configuration_input=(
            None
            if source is not None
            else stream_type.DeliveryStreamEncryptionConfigurationInputProperty(
                key_type="AWS_OWNED_CMK" if encryption_key is None else "CUSTOMER_MANAGED_CMK",
                key_arn=encryption_key.key_arn if encryption_key is not None else None,
            )
        ),
        extended_s3_destination_configuration=destination,
    )
    stream.node.add_dependency(table)
    stream.node.add_dependency(policy)
    if source is not None:
        # The source cannot be changed in place. A delivery stream that is replaced by one that reads still has minutes
        # of records, which are lost with it: it stays, and delivers them.
        stream.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        acknowledge(stream, "AwsSolutions-KDF1", "It reads a stream, which encrypts the records; AWS allows no other.")
    return firehose.DeliveryStream.from_delivery_stream_attributes(
        scope, "Deliveries", delivery_stream_arn=stream.attr_arn, delivery_stream_name=stream.ref
    )


def glue_arns(scope: Construct, table: glue.CfnTable) -> list[str]:
    """Return what a reader of the table needs to be allowed: the catalog, the database, and the table."""
    stack = stack_of(scope)
    name = f"{table.database_name}/{_names[table]}"
    return [
        stack.format_arn(service="glue", resource="catalog"),
        stack.format_arn(service="glue", resource="database", resource_name=table.database_name),
        stack.format_arn(service="glue", resource="table", resource_name=name),
    ]


def _allow_reading(policy: iam.Policy, role: iam.Role, source: kinesis.IStream) -> None:
    policy.add_statements(
        iam.PolicyStatement(
            actions=["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"],
            resources=[source.stream_arn],
        )
    )
    if source.encryption_key is not None:
        source.encryption_key.grant(role, "kms:Decrypt")


def _delivery_policy(
    scope: Construct, role: iam.Role, bucket: s3.IBucket, table: glue.CfnTable, log_arn: str
) -> iam.Policy:
    objects = [bucket.arn_for_objects(f"{prefix}*") for prefix in (RECORDS, ERRORS)]
    statements = [
        iam.PolicyStatement(actions=["s3:PutObject", "s3:AbortMultipartUpload"], resources=objects),
        iam.PolicyStatement(
            actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            resources=[bucket.bucket_arn],
        ),
        iam.PolicyStatement(
            actions=["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
            resources=glue_arns(scope, table),
        ),
        iam.PolicyStatement(actions=["logs:PutLogEvents"], resources=[log_arn]),
    ]
    policy = iam.Policy(scope, "DeliveryPolicy", roles=[role], statements=statements)
    reason = "Firehose chooses the names of objects; it may put them below the prefixes of this layer only."
    acknowledge_resources(policy, [*objects, log_arn], reason)
    if bucket.encryption_key is not None:
        bucket.encryption_key.grant(role, *USE_KEY)
    return policy
