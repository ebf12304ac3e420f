"""Batch Layer: every record, kept for good and queried exactly."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from aws_cdk import Duration, Names, RemovalPolicy
from aws_cdk import aws_athena as athena
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import days, minute, minutes
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_exclusive, check_range
from cdp_constructs.data._parquet import ERRORS, RECORDS, add_parquet_delivery, add_parquet_table, glue_arns
from cdp_constructs.data._records import ABOUT, check_names

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

    from cdp_constructs.iot.topic_rule import TopicRule

ColumnType: TypeAlias = Literal["bigint", "boolean", "double", "int", "string"]
"""How a field is stored, as Glue and Athena name it."""

_RESULTS = "queries/"
_NUMBERS = ("bigint", "double", "int")
_FIREHOSE_LIMITS = "https://docs.aws.amazon.com/firehose/latest/dev/limits.html"
_ATHENA_WORKGROUPS = "https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings.html"
# Firehose itself may try again for some minutes before somebody should look.
_SLACK = Duration.minutes(10)


class BatchLayer(Construct):
    """Keep every record, in columns, and answer questions about any time with SQL.

    CDP: no chapter of its own; the batch layer of a lambda architecture, beside ``SpeedLayer``.

    Problem: a million things write billions of records a month; they have to be kept for years at little cost, and a
    question must not read all of them. Solution: Firehose gathers records without a program, converts them to Parquet
    by the schema of a Glue table, and files them by the hour of arrival; the table says how the hours are named, so no
    crawler looks for them; Athena reads only the columns and hours of a question, with a limit to what one may cost.
    What does not fit the schema is kept below ``errors/`` as it came.

    A record is one JSON object with ``thing``, ``at`` (epoch milliseconds), and optionally ``message_id``, ``context``,
    ``type`` and what ``columns`` name; other fields are left out. Delivery is at least once: count ``message_id``, or
    let the module ``telemetry_view`` do so.

    Not for: answers about the last minutes; those are the speed layer's, and ``telemetry_view`` merges both.

    Limits: a record is 1,000 KiB; a delivery stream takes 5 MB, 500,000 records and 2,000 requests a second in
    us-east-1, us-west-2 and eu-west-1, and 1 MB, 100,000 and 1,000 in other Regions (soft;
    https://docs.aws.amazon.com/firehose/latest/dev/limits.html).

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        columns: The fields of records beside those above, lower case, with their types: ``{"temperature": "double"}``.
            Columns may be added later; a changed type makes older objects unreadable.
        bucket: A bucket of the stack's Region to use; the names below ``telemetry/``, ``errors/`` and ``queries/`` are
            this layer's. By default one is made, encrypted, versioned and logged.
        buffering: How long records are gathered, and so how late they can be queried: 1 to 15 minutes, 5 by default.
            Longer ones give fewer and larger objects, which are cheaper to query.
        scan_limit_mb: What one query may read, 10 MB to 7 EB; 10,000 by default, which costs 5 cents.
        alarm_topic: Receives the alarms; by default there are none.
        removal_policy: What happens to the bucket that is made here when the stack goes; it is kept by default.

    Attributes:
        bucket: Where the records are.
        delivery_stream: Takes records; ``put_record`` with a line end after each.
        database_name: The Glue database.
        table_name: The Glue table, ``telemetry``.
        workgroup_name: Where Athena runs queries; it sets where results go, their encryption, and the limit.

    Raises:
        InvalidOptionError: for columns that cannot be, a value out of range, or an option for a brought bucket.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        columns: Mapping[str, ColumnType],
        bucket: s3.IBucket | None = None,
        buffering: Duration | None = None,
        scan_limit_mb: int = 10_000,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.columns = self._check_columns(columns)
        interval = buffering or minutes(5)
        check_duration(
            self,
            "buffering",
            interval,
            low=minutes(1),
            high=minutes(15),
            source=_FIREHOSE_LIMITS,
        )
        check_range(
            self, "scan_limit_mb", scan_limit_mb, low=10, high=7_000_000_000_000, unit="MB", source=_ATHENA_WORKGROUPS
        )
        check_exclusive(self, {"bucket": bucket}, {"removal_policy": removal_policy})
        policy = removal_policy or RemovalPolicy.RETAIN
        self.bucket: s3.IBucket = bucket or self._make_bucket(policy)
        # Glue and Athena want names, and they must be lower case.
        name = Names.unique_resource_name(self, max_length=100, separator="_", allowed_special_characters="_").lower()
        self.database_name = name
        self.table_name = "telemetry"
        self.workgroup_name = name
        self._table = add_parquet_table(
            self,
            bucket=self.bucket,
            database_name=self.database_name,
            table_name=self.table_name,
            columns={**ABOUT, **self.columns},
        )
        self.delivery_stream: firehose.IDeliveryStream = add_parquet_delivery(
            self, bucket=self.bucket, table=self._table, interval=interval
        )
        self._workgroup = self._make_workgroup(scan_limit_mb, policy)
        self._add_alarms(interval, alarm_topic)
        self.add_saved_query(
            "RecordsPerThing",
            description="How many records of each thing arrived in the last 24 hours",
            sql='SELECT thing, count(DISTINCT message_id) AS records, max("at") AS newest FROM telemetry '
            "WHERE hour >= date_format(current_timestamp - INTERVAL '24' HOUR, '%Y-%m-%d-%H') "
            "GROUP BY thing ORDER BY records DESC",
        )

    def add_rule(self, rule: "TopicRule") -> None:
        """Let an IoT rule put its messages into the delivery stream.

        Args:
            rule: Selects what a record is: ``SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type``.
        """
        rule.add_delivery_stream(self.delivery_stream, separator="\n")

    def add_saved_query(self, construct_id: str, *, sql: str, description: str) -> athena.CfnNamedQuery:
        """Keep a query in the workgroup, for people to run.

        Args:
            construct_id: Id inside this layer, and the query's name.
            sql: In the dialect of Athena; compare ``hour`` so that it does not read everything.
            description: What it answers.
        """
        query = athena.CfnNamedQuery(
            self,
            construct_id,
            name=construct_id,
            database=self.database_name,
            query_string=sql,
            description=description,
            work_group=self.workgroup_name,
        )
        query.node.add_dependency(self._workgroup)
        query.node.add_dependency(self._table)
        return query

    def grant_put(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a producer put records into ``delivery_stream``, each with a line end."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["firehose:PutRecord", "firehose:PutRecordBatch"],
            resource_arns=[self.delivery_stream.delivery_stream_arn],
        )

    def share_with(self, function: "lambda_.Function", *, variable: str = "BATCH_LAYER") -> None:
        """Let a function ask with the module ``telemetry_view``: ``BatchView.connect().windows(thing, start, end)``.

        Args:
            function: A Python function of the same Region. It gets the layer, a variable with the names, and permission
                to query this table in this workgroup.
            variable: Name of the environment variable; for a function that asks more than one layer.

        Raises:
            InvalidOptionError: for a function that does not run Python, or a variable that is taken.
        """
        from cdp_constructs.core.functions import allow_on_prefixes

        settings = {
            "database": self.database_name,
            "table": self.table_name,
            "workgroup": self.workgroup_name,
            "delivery_stream": self.delivery_stream.delivery_stream_name,
            "measures": [name for name, kind in self.columns.items() if kind in _NUMBERS],
        }
        share_module(
            self,
            function,
            layer="data/telemetry_view",
            environment={variable: json.dumps(settings)},
            statements=self._query_statements(),
        )
        objects = {prefix: self.bucket.arn_for_objects(f"{prefix}*") for prefix in (RECORDS, _RESULTS)}
        allow_on_prefixes(
            function,
            f"BatchLayer{self.node.addr[-8:]}",
            [
                iam.PolicyStatement(actions=["s3:GetObject"], resources=list(objects.values())),
                iam.PolicyStatement(actions=["s3:PutObject", "s3:AbortMultipartUpload"], resources=[objects[_RESULTS]]),
                iam.PolicyStatement(actions=["cloudwatch:GetMetricStatistics"], resources=["*"]),
            ],
            prefixes=[*objects.values(), "*"],
            reason="Athena reads records and writes results as the caller, whose objects are only known by their "
            "prefix; CloudWatch's GetMetricStatistics has no resources to name.",
        )
        if self.bucket.encryption_key is not None:
            self.bucket.encryption_key.grant(function, "kms:Decrypt", "kms:GenerateDataKey")

    def metric_freshness(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest record that is not in S3 yet. Per minute by default."""
        return self._metric("DeliveryToS3.DataFreshness", period or minute(), "max")

    def metric_unconverted(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Records that do not fit the schema and were put below ``errors/``. Per 5 minutes by default."""
        return self._metric("FailedConversion.Records", period or minutes(5), "sum")

    def _metric(self, name: str, period: Duration, statistic: str) -> "cloudwatch.Metric":
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="AWS/Firehose",
            metric_name=name,
            dimensions_map={"DeliveryStreamName": self.delivery_stream.delivery_stream_name},
            statistic=statistic,
            period=period,
        )

    def _add_alarms(self, interval: Duration, alarm_topic: "sns.ITopic | None") -> None:
        add_alarm(
            self,
            "FreshnessAlarm",
            self.metric_freshness(),
            alarm_topic=alarm_topic,
            threshold=interval.to_seconds() + _SLACK.to_seconds(),
            evaluation_periods=3,
            description=f"{path_of(self)}: records wait for S3 much longer than they are gathered. Look at the log "
            "of the delivery stream and at its role; Firehose tries for 24 hours and then loses them.",
        )
        add_alarm(
            self,
            "UnconvertedAlarm",
            self.metric_unconverted(),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: records do not fit the schema. They are below {ERRORS} with the reason; "
            "mend the sender or the columns, and put them again.",
        )
        add_alarm(
            self,
            "ThrottledAlarm",
            self._metric("ThrottledRecords", minute(), "sum"),
            alarm_topic=alarm_topic,
            evaluation_periods=3,
            description=f"{path_of(self)}: the delivery stream refuses records; producers have to repeat them. Ask "
            "for a higher quota.",
        )

    def _check_columns(self, columns: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
        if not isinstance(columns, Mapping):
            raise InvalidOptionError(
                self, "columns", f"is {columns!r}", 'Give types, such as {"temperature": "double"}'
            )
        names = check_names(self, "columns", columns)
        for name, kind in columns.items():
            if kind not in get_args(ColumnType):
                fix = f"Use one of {', '.join(get_args(ColumnType))}"
                raise InvalidOptionError(self, "columns", f"says {kind!r} of {name!r}", fix)
        return {name: columns[name] for name in names}

    def _make_bucket(self, removal_policy: RemovalPolicy) -> s3.Bucket:
        return add_private_bucket(
            self,
            "Bucket",
            removal_policy=removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpireQueryResults",
                    prefix=_RESULTS,
                    expiration=days(7),
                    noncurrent_version_expiration=days(1),
                )
            ],
        )

    def _make_workgroup(self, scan_limit_mb: int, removal_policy: RemovalPolicy) -> athena.CfnWorkGroup:
        key = self.bucket.encryption_key
        encryption = athena.CfnWorkGroup.EncryptionConfigurationProperty(
            encryption_option="SSE_S3" if key is None else "SSE_KMS", kms_key=key.key_arn if key is not None else None
        )
        return athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=self.workgroup_name,
            recursive_delete_option=removal_policy is RemovalPolicy.DESTROY,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=scan_limit_mb * 1_000_000,
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self.bucket.bucket_name}/{_RESULTS}", encryption_configuration=encryption
                ),
            ),
        )

    def _query_statements(self) -> list[iam.PolicyStatement]:
        workgroup = stack_of(self).format_arn(service="athena", resource="workgroup", resource_name=self.workgroup_name)
        actions = ["StartQueryExecution", "StopQueryExecution", "GetQueryExecution", "GetQueryResults", "GetWorkGroup"]
        return [
            iam.PolicyStatement(actions=[f"athena:{action}" for action in actions], resources=[workgroup]),
            iam.PolicyStatement(
                actions=["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"],
                resources=glue_arns(self, self._table),
            ),
            iam.PolicyStatement(actions=["s3:ListBucket", "s3:GetBucketLocation"], resources=[self.bucket.bucket_arn]),
        ]
