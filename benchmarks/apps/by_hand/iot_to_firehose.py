"""What devices measure goes by a rule to Firehose, and as Parquet to a bucket that Athena queries."""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from benchmarks.apps.by_hand.parts import add_alarm, add_bucket, add_dead_letter_alarm, add_queue

_COLUMNS = {
    "message_id": "string",
    "at": "bigint",
    "thing": "string",
    "context": "string",
    "type": "string",
    "temperature": "double",
}
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_SQL = "SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type FROM 'dt/home/+/+/climate'"


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:
    """Add the rule, and what keeps its messages."""
    scope = Construct(stack, name)
    expiring = s3.LifecycleRule(
        id="ExpireQueryResults",
        prefix="queries/",
        expiration=Duration.days(7),
        noncurrent_version_expiration=Duration.days(1),
    )
    bucket = add_bucket(scope, "Bucket", lifecycle_rules=[expiring])
    table = _add_table(scope, bucket)
    stream = _add_delivery(scope, bucket, table)
    _add_queries(scope, bucket, table)
    _add_alarms(scope, stream, operators)
    _add_rule(scope, stream, operators)


def _add_table(scope: Construct, bucket: s3.Bucket) -> glue.CfnTable:
    stack = Stack.of(scope)
    database = glue.CfnDatabase(
        scope,
        "Database",
        catalog_id=stack.account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(name=scope.node.id.lower()),
    )
    location = f"s3://{bucket.bucket_name}/telemetry/"
    table = glue.CfnTable(
        scope,
        "Table",
        catalog_id=stack.account,
        database_name=scope.node.id.lower(),
        table_input=glue.CfnTable.TableInputProperty(
            name="telemetry",
            table_type="EXTERNAL_TABLE",
            partition_keys=[glue.CfnTable.ColumnProperty(name="hour", type="string")],
            parameters={
                "classification": "parquet",
                "projection.enabled": "true",
                "projection.hour.type": "date",
                "projection.hour.format": "yyyy-MM-dd-HH",
                "projection.hour.range": "NOW-10YEARS,NOW",
                "projection.hour.interval": "1",
                "projection.hour.interval.unit": "HOURS",
                "storage.location.template": f"{location}hour=${{hour}}/",
            },
            storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                columns=[glue.CfnTable.ColumnProperty(name=name, type=kind) for name, kind in _COLUMNS.items()],
                location=location,
                input_format=f"{_PARQUET}.MapredParquetInputFormat",
                output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"),
            ),
        ),
    )
    table.node.add_dependency(database)
    return table


def _add_delivery(scope: Construct, bucket: s3.Bucket, table: glue.CfnTable) -> firehose.CfnDeliveryStream:
    stack = Stack.of(scope)
    log_group = logs.LogGroup(
        scope, "DeliveryLogs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.RETAIN
    )
    log_stream = logs.LogStream(scope, "DeliveryLog", log_group=log_group, removal_policy=RemovalPolicy.DESTROY)
    role = iam.Role(
        scope,
        "DeliveryRole",
        assumed_by=iam.ServicePrincipal(
            "firehose.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
        ),
    )
    policy = iam.Policy(scope, "DeliveryPolicy", roles=[role], statements=_delivery_statements(bucket, table))
    log_arn = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{log_group.log_group_name}:log-stream:{log_stream.log_stream_name}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    policy.add_statements(iam.PolicyStatement(actions=["logs:PutLogEvents"], resources=[log_arn]))
    kind = firehose.CfnDeliveryStream
    stream = kind(
        scope,
        "DeliveryStream",
        delivery_stream_type="DirectPut",
        delivery_stream_encryption_configuration_input=kind.DeliveryStreamEncryptionConfigurationInputProperty(
            key_type="AWS_OWNED_CMK"
        ),
        extended_s3_destination_configuration=kind.ExtendedS3DestinationConfigurationProperty(
            bucket_arn=bucket.bucket_arn,
            role_arn=role.role_arn,
            prefix="telemetry/hour=!{timestamp:yyyy-MM-dd-HH}/",
            error_output_prefix="errors/!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/",
            buffering_hints=kind.BufferingHintsProperty(interval_in_seconds=300, size_in_m_bs=128),
            compression_format="UNCOMPRESSED",
            cloud_watch_logging_options=kind.CloudWatchLoggingOptionsProperty(
                enabled=True, log_group_name=log_group.log_group_name, log_stream_name=log_stream.log_stream_name
            ),
            data_format_conversion_configuration=kind.DataFormatConversionConfigurationProperty(
                enabled=True,
                input_format_configuration=kind.InputFormatConfigurationProperty(
                    deserializer=kind.DeserializerProperty(open_x_json_ser_de=kind.OpenXJsonSerDeProperty())
                ),
                output_format_configuration=kind.OutputFormatConfigurationProperty(
                    serializer=kind.SerializerProperty(parquet_ser_de=kind.ParquetSerDeProperty(compression="SNAPPY"))
                ),
                schema_configuration=kind.SchemaConfigurationProperty(
                    catalog_id=stack.account,
                    database_name=table.database_name,
                    table_name="telemetry",
                    region=stack.region,
                    role_arn=role.role_arn,
                    version_id="LATEST",
                ),
            ),
        ),
    )
    stream.node.add_dependency(table, policy)
    return stream


def _delivery_statements(bucket: s3.Bucket, table: glue.CfnTable) -> list[iam.PolicyStatement]:
    stack = Stack.of(bucket)
    database = table.database_name
    return [
        iam.PolicyStatement(
            actions=["s3:PutObject", "s3:AbortMultipartUpload"],
            resources=[bucket.arn_for_objects("telemetry/*"), bucket.arn_for_objects("errors/*")],
        ),
        iam.PolicyStatement(
            actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            resources=[bucket.bucket_arn],
        ),
        iam.PolicyStatement(
            actions=["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
            resources=[
                stack.format_arn(service="glue", resource="catalog"),
                stack.format_arn(service="glue", resource="database", resource_name=database),
                stack.format_arn(service="glue", resource="table", resource_name=f"{database}/telemetry"),
            ],
        ),
    ]


def _add_queries(scope: Construct, bucket: s3.Bucket, table: glue.CfnTable) -> None:
    kind = athena.CfnWorkGroup
    workgroup = kind(
        scope,
        "Workgroup",
        name=scope.node.id.lower(),
        recursive_delete_option=False,
        work_group_configuration=kind.WorkGroupConfigurationProperty(
            enforce_work_group_configuration=True,
            publish_cloud_watch_metrics_enabled=True,
            bytes_scanned_cutoff_per_query=10_000_000_000,
            result_configuration=kind.ResultConfigurationProperty(
                output_location=f"s3://{bucket.bucket_name}/queries/",
                encryption_configuration=kind.EncryptionConfigurationProperty(encryption_option="SSE_S3"),
            ),
        ),
    )
    query = athena.CfnNamedQuery(
        scope,
        "RecordsPerThing",
        name="RecordsPerThing",
        database=table.database_name,
        description="How many records of each thing arrived in the last 24 hours",
        query_string="SELECT thing, count(DISTINCT message_id) AS records FROM telemetry "
        "WHERE hour >= date_format(current_timestamp - INTERVAL '24' HOUR, '%Y-%m-%d-%H') GROUP BY thing",
        work_group=workgroup.name,
    )
    query.node.add_dependency(workgroup, table)


def _add_alarms(scope: Construct, stream: firehose.CfnDeliveryStream, operators: sns.ITopic) -> None:
    def metric(name: str, minutes: int, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/Firehose",
            metric_name=name,
            dimensions_map={"DeliveryStreamName": stream.ref},
            period=Duration.minutes(minutes),
            statistic=statistic,
        )

    late, unconverted = metric("DeliveryToS3.DataFreshness", 1, "max"), metric("FailedConversion.Records", 5, "sum")
    throttled = metric("ThrottledRecords", 1, "sum")
    add_alarm(scope, "FreshnessAlarm", late, operators, "Records wait for S3", threshold=900, evaluation_periods=3)
    add_alarm(scope, "UnconvertedAlarm", unconverted, operators, "Records do not fit the schema")
    add_alarm(scope, "ThrottledAlarm", throttled, operators, "Records are refused", evaluation_periods=3)


def _add_rule(scope: Construct, stream: firehose.CfnDeliveryStream, operators: sns.ITopic) -> None:
    stack = Stack.of(scope)
    rules = stack.format_arn(service="iot", resource="rule", resource_name="*")
    service = iam.ServicePrincipal("iot.amazonaws.com").with_conditions(
        {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": rules}}
    )
    role = iam.Role(scope, "RuleRole", assumed_by=service)
    failed = add_queue(scope, "ErrorQueue")
    add_dead_letter_alarm(scope, "ErrorQueueAlarm", failed, operators)
    role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[failed.queue_arn]))
    role.add_to_policy(iam.PolicyStatement(actions=["firehose:PutRecord"], resources=[stream.attr_arn]))
    kind = iot.CfnTopicRule
    rule = kind(
        scope,
        "Rule",
        topic_rule_payload=kind.TopicRulePayloadProperty(
            sql=_SQL,
            aws_iot_sql_version="2016-03-23",
            description="What devices measure",
            actions=[
                kind.ActionProperty(
                    firehose=kind.FirehoseActionProperty(
                        delivery_stream_name=stream.ref, role_arn=role.role_arn, separator="\n"
                    )
                )
            ],
            error_action=kind.ActionProperty(
                sqs=kind.SqsActionProperty(queue_url=failed.queue_url, role_arn=role.role_arn, use_base64=False)
            ),
        ),
    )
    rule.node.add_dependency(role)
    lost = cloudwatch.Metric(
        namespace="AWS/IoT",
        metric_name="ErrorActionFailure",
        dimensions_map={"RuleName": rule.ref},
        period=Duration.minutes(1),
        statistic="sum",
    )
    add_alarm(scope, "LostMessagesAlarm", lost, operators, "Messages were lost")
