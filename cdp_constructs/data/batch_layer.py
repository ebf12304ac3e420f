"""Batch Layer: every record, kept for good and queried exactly."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Literal, TypeAlias, get_args

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_athena as athena
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import kinesis, lambda_
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.names import lower_case_name
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_exclusive, check_range
from cdp_constructs.data._deliveries import add_delivery_alarms, metric_behind, metric_lag, metric_rejected
from cdp_constructs.data._delivery_role import known_as
from cdp_constructs.data._parquet import RECORDS, add_parquet_delivery, add_parquet_table
from cdp_constructs.data._queries import add_saved_query, add_workgroup, expiring_results, grant_queries
from cdp_constructs.data._records import ABOUT, check_columns

ColumnType: TypeAlias = Literal["bigint", "boolean", "double", "int", "string"]
"""How a field is stored, as Glue and Athena name it."""

_NUMBERS = ("bigint", "double", "int")
_FIREHOSE_LIMITS = "https://docs.aws.amazon.com/firehose/latest/dev/limits.html"
_ATHENA_WORKGROUPS = "https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings.html"


@checks_options
class BatchLayer(Construct):
    """Keeps every record in S3, in columns, and answers questions about any time with SQL.

    CDP: none; this is the batch layer (バッチレイヤー) of a lambda architecture, beside ``SpeedLayer``.
    Firehose gathers records, converts them to Parquet by the schema of a Glue table and files them by the hour of
    arrival; Athena queries them in a workgroup that limits what a query may read. Delivery is at least once.

        batch = BatchLayer(self, "Batch", columns={"temperature": "double", "moved": "boolean"})
        batch.add_rule(rule)
        batch.share_with(reader)
    """

    bucket: s3.IBucket
    """Holds the records below ``telemetry/``, what does not fit below ``errors/``, and results below ``queries/``."""
    database_name: str
    """The Glue database."""
    table_name: str
    """The Glue table, ``telemetry``."""
    workgroup_name: str
    """Where Athena runs queries; it sets where results go, their encryption, and the limit."""
    columns: Mapping[str, ColumnType]
    """The types of the columns beside those that every record has."""
    splitting_function: "lambda_.Function | None"
    """Makes a record of each measurement of a gathered one; None without ``gathered``."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where keys of AWS encrypt."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        columns: Mapping[str, ColumnType],
        stream: "kinesis.IStream | None" = None,
        gathered: bool = False,
        bucket: s3.IBucket | None = None,
        buffering: Duration | None = None,
        scan_limit_mb: int = 10_000,
        alarming_rejections: int = 1,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the layer.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            columns: The fields of records beside ``thing``, ``at``, ``message_id``, ``context`` and ``type``, in lower
                case, with their types. Columns may be added later; a changed type makes older objects unreadable.
            stream: A Kinesis stream that Firehose reads from now on, such as ``SpeedLayer.stream``; nothing else is put
                into the delivery stream then. No record is refused, a rule has one action, and both layers have the
                same records. Give it from the beginning, or read on the page how a layer that has records is changed.
                Default: records are put into the delivery stream.
            gathered: Whether records may be gathered ones, ``{"measurements": [...], "thing": ...}``: a function then
                makes a record of each measurement before they are stored, and one that does not fit costs only itself.
                Records of one measurement are still taken. Default: False.
            bucket: An existing bucket of the stack's Region, in which the names below ``telemetry/``, ``errors/`` and
                ``queries/`` are this layer's. Default: a new one, encrypted, versioned and logged.
            buffering: How long records are gathered, and so how late they can be queried: 1 to 15 minutes. Longer ones
                give fewer and larger objects, which are cheaper to query. Default: 5 minutes.
            scan_limit_mb: What one query may read, 10 MB to 7 EB. Default: 10,000, which costs 5 cents.
            alarming_rejections: From how many records within 5 minutes that do not fit the schema the alarm is raised,
                1 to 10,000,000. Default: the first. A device of AWS IoT can send 30,000.
            encryption_key: A customer-managed key for what is made here: bucket, delivery stream and logs. Default:
                keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the log of deliveries is kept. Default: 3 months.
            removal_policy: What happens to bucket and logs when the stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: for columns that cannot be, a value out of range, ``removal_policy`` for an existing
                bucket, or a resource of another Region.
        """
        super().__init__(scope, construct_id)
        self.columns = check_columns(self, columns, get_args(ColumnType))
        interval = buffering or minutes(5)
        low, high = minutes(1), minutes(15)
        check_duration(self, "buffering", interval, low=low, high=high, source=_FIREHOSE_LIMITS)
        check_range(
            self, "scan_limit_mb", scan_limit_mb, low=10, high=7_000_000_000_000, unit="MB", source=_ATHENA_WORKGROUPS
        )
        check_range(
            self,
            "alarming_rejections",
            alarming_rejections,
            low=1,
            high=10_000_000,
            unit="records",
            source="more is no alarm at all",
            tokens=True,
        )
        check_exclusive(self, {"bucket": bucket}, {"removal_policy": removal_policy})
        self.encryption_key = encryption_key
        self._stream = stream
        self.bucket = bucket or self._make_bucket(removal_policy)
        self._bucket_key = self.bucket.encryption_key
        # Glue and Athena want names, and they must be lower case.
        name = lower_case_name(self, max_length=100, separator="_")
        self.database_name, self.table_name, self.workgroup_name = name, "telemetry", name
        self._table = add_parquet_table(
            self,
            bucket=self.bucket,
            database_name=self.database_name,
            table_name=self.table_name,
            columns={**ABOUT, **self.columns},
        )
        self.splitting_function = self._add_splitting(log_retention, removal_policy) if gathered else None
        self._delivery = add_parquet_delivery(
            self,
            bucket=self.bucket,
            table=self._table,
            interval=interval,
            source=stream,
            function=self.splitting_function,
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self._workgroup = add_workgroup(
            self,
            name=self.workgroup_name,
            bucket=self.bucket,
            encryption_key=self._bucket_key,
            scan_limit_mb=scan_limit_mb,
            removal_policy=removal_policy,
        )
        add_delivery_alarms(
            self,
            self._delivery,
            interval,
            rejections=alarming_rejections,
            reads=stream is not None,
            function=self.splitting_function,
            alarm_topic=alarm_topic,
        )
        self.add_saved_query(
            "RecordsPerThing",
            description="How many records of each thing arrived in the last 24 hours",
            sql='SELECT thing, count(DISTINCT message_id) AS records, max("at") AS newest FROM telemetry '
            "WHERE hour >= date_format(current_timestamp - INTERVAL '24' HOUR, '%Y-%m-%d-%H') "
            "GROUP BY thing ORDER BY records DESC",
        )

    @cached_property
    def delivery_stream(self) -> firehose.IDeliveryStream:
        """Receives records; ``put_record`` with a line end after each. With ``stream`` it reads them there."""
        return known_as(self, self._delivery)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this layer; none without ``alarm_topic``."""
        return alarms_of(self)

    def add_rule(self, rule: "cdp_constructs.TopicRule") -> "cdp_constructs.TopicRule":
        """Let an IoT rule put its messages into the delivery stream; return the rule.

        Args:
            rule: Selects what a record is: ``SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type``.

        Raises:
            InvalidOptionError: for a layer that reads a stream.
        """
        # Whoever has a rule has imported this.
        from cdp_constructs.iot._rule_actions import delivery_stream_action

        self._check_that_records_are_put()
        rule.add_action(
            delivery_stream_action(rule.role, self._delivery.ref, separator="\n"),
            allow=iam.PolicyStatement(actions=["firehose:PutRecord"], resources=[self._delivery.attr_arn]),
        )
        return rule

    def add_saved_query(self, construct_id: str, *, sql: str, description: str) -> athena.CfnNamedQuery:
        """Keep a query in the workgroup, for people to run.

        Args:
            construct_id: Id inside this layer, and the query's name.
            sql: In the dialect of Athena; compare ``hour`` so that it does not read everything.
            description: What it answers.
        """
        return add_saved_query(
            self, construct_id, table=self._table, workgroup=self._workgroup, sql=sql, description=description
        )

    def grant_put(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a producer put records into ``delivery_stream``, each with a line end.

        Raises:
            InvalidOptionError: for a layer that reads a stream.
        """
        self._check_that_records_are_put()
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["firehose:PutRecord", "firehose:PutRecordBatch"],
            resource_arns=[self._delivery.attr_arn],
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal query this table in this workgroup, and so read records and write results."""
        return grant_queries(
            grantee,
            workgroup=self._workgroup,
            table=self._table,
            bucket=self.bucket,
            records=RECORDS,
            encryption_key=self._bucket_key,
        )

    def share_with(self, function: "lambda_.Function", *, variable: str = "BATCH_LAYER") -> iam.Grant:
        """Let a function query with the module ``telemetry_view``: ``BatchView.connect().windows(thing, start, end)``.

        Args:
            function: A Python function of the same Region. It gets the layer, a variable with the names,
                ``grant_read``, and permission to read CloudWatch's metrics, from which the watermark is made.
            variable: Name of the environment variable, for a function that queries more than one batch layer.

        Raises:
            InvalidOptionError: for a function that does not run Python, or a variable that is taken.
        """
        from cdp_constructs.core.permissions import allow_on_prefixes

        settings = {
            "database": self.database_name,
            "table": self.table_name,
            "workgroup": self.workgroup_name,
            "delivery_stream": self._delivery.ref,
            **({"source": "stream"} if self._stream is not None else {}),
            "measures": [name for name, kind in self.columns.items() if kind in _NUMBERS],
        }
        share_module(self, function, layer="data/telemetry_view", environment={variable: json.dumps(settings)})
        construct_id = f"BatchLayer{self.node.addr[-8:]}"
        # A function may read one layer under two names.
        if function.node.try_find_child(construct_id) is None:
            allow_on_prefixes(
                function,
                construct_id,
                [iam.PolicyStatement(actions=["cloudwatch:GetMetricStatistics"], resources=["*"])],
                prefixes=["*"],
                reason="CloudWatch's GetMetricStatistics has no resources to name.",
            )
        return self.grant_read(function)

    def metric_lag(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Age in seconds of the oldest record that is not in S3 yet: how far behind the layer is. Per minute."""
        return metric_lag(self._delivery, period=period)

    def metric_rejected(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Records that do not fit the schema and were put below ``errors/``, per 5 minutes by default."""
        return metric_rejected(self._delivery, period=period)

    def metric_behind(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Milliseconds that the last record read of ``stream`` is behind its newest; none without it. Per minute."""
        return metric_behind(self._delivery, period=period)

    def _check_that_records_are_put(self) -> None:
        if self._stream is not None:
            fix = "Put records into that stream only: SpeedLayer.add_rule, SpeedLayer.grant_put"
            raise InvalidOptionError(self, "stream", "is where all records come from", fix)

    def _add_splitting(self, log_retention: logs.RetentionDays, removal_policy: RemovalPolicy) -> "lambda_.Function":
        # Most layers have no function, and need not import how one is made.
        from cdp_constructs.data._gathered_records import add_splitting_function

        return add_splitting_function(
            self,
            bucket=self.bucket,
            columns={**ABOUT, **self.columns},
            encryption_key=self.encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )

    def _make_bucket(self, removal_policy: RemovalPolicy) -> s3.Bucket:
        return add_private_bucket(
            self,
            "Bucket",
            encryption_key=self.encryption_key,
            removal_policy=removal_policy,
            lifecycle_rules=[expiring_results()],
        )
