"""Log Aggregation: the log lines of all services in one place, where SQL finds them."""

import re
from functools import cached_property

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_athena as athena
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import lambda_
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.names import lower_case_name
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minutes
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_exclusive, check_range
from cdp_constructs.data._deliveries import add_freshness_alarm, add_throttling_alarm, metric_lag
from cdp_constructs.data._delivery_role import known_as
from cdp_constructs.data._log_delivery import ERRORS, LINES, add_line_delivery, add_line_table
from cdp_constructs.data._log_subscriptions import Subscriber, check_log_group, log_groups_of, name_services
from cdp_constructs.data._queries import add_saved_query, add_workgroup, expiring_results, grant_queries

_SERVICE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# The prefix of each is a partition that Firehose keeps open.
_MOST_SERVICES = 500
_ARCHIVED_AFTER = 90
"""Days; S3 Glacier Instant Retrieval bills an object for as long again, so what is deleted before stays where it is."""
_FIREHOSE_LIMITS = "https://docs.aws.amazon.com/firehose/latest/dev/limits.html"
_ATHENA_WORKGROUPS = "https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings.html"


@checks_options
class LogAggregation(Construct):
    """Collects the log lines of all services in S3, as JSON by service and day, and answers questions with SQL.

    CDP: Log Aggregation / ログアグリゲーション. Subscription filters pass what log groups receive to Firehose, a
    function makes a JSON line of each event, and Athena queries them in a workgroup that limits what a query may read.
    Delivery is at least once.

        logs = LogAggregation(self, "Logs", alarm_topic=operators)
        logs.add_log_group(orders.log_group, service="orders")
        logs.add_log_groups(billing_stack, service="billing")
        logs.grant_read(analyst)
    """

    bucket: s3.IBucket
    """Holds lines below ``logs/service=…/day=…/``, what is no line below ``errors/``, results below ``queries/``."""
    transform_function: "lambda_.Function"
    """Makes lines of log events."""
    database_name: str
    """The Glue database."""
    table_name: str
    """The Glue table, ``lines``."""
    workgroup_name: str
    """Where Athena runs queries; it sets where results go, their encryption, and the limit."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where keys of AWS encrypt."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket | None = None,
        buffering: Duration | None = None,
        expiration: Duration | None = None,
        scan_limit_mb: int = 10_000,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the aggregation.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            bucket: An existing bucket of the stack's Region, in which the names below ``logs/``, ``errors/`` and
                ``queries/`` are this aggregation's. Default: a new one, encrypted, versioned and logged.
            buffering: How long lines are gathered, and so how late they can be queried: 1 to 15 minutes. Longer ones
                give fewer and larger objects, which are cheaper to query. Default: 5 minutes.
            expiration: After how long lines are deleted, 1 to 3,650 days; queries look no further back. Those that are
                kept for 180 days or longer move to S3 Glacier Instant Retrieval after 90, where Athena still reads
                them. In an existing bucket its own rules decide. Default: a year.
            scan_limit_mb: What one query may read, 10 MB to 7 EB. Default: 10,000, which costs 5 cents.
            encryption_key: A customer-managed key for what is made here: bucket, delivery stream and logs. Default:
                keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the logs of the function and of deliveries are kept. Default: 3 months.
            removal_policy: What happens to bucket and logs when the stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: for a value out of range, ``expiration`` or ``removal_policy`` for an existing bucket,
                or a resource of another Region.
        """
        super().__init__(scope, construct_id)
        interval, kept = buffering or minutes(5), expiration or days(365)
        check_duration(self, "buffering", interval, low=minutes(1), high=minutes(15), source=_FIREHOSE_LIMITS)
        check_duration(self, "expiration", kept, low=days(1), high=days(3650), source="a day is a partition")
        check_range(
            self, "scan_limit_mb", scan_limit_mb, low=10, high=7_000_000_000_000, unit="MB", source=_ATHENA_WORKGROUPS
        )
        check_exclusive(self, {"bucket": bucket}, {"expiration": expiration, "removal_policy": removal_policy})
        self.encryption_key = encryption_key
        self.bucket = bucket or self._make_bucket(kept, removal_policy)
        self._alarm_topic = alarm_topic
        self._services: dict[str, None] = {}
        self._subscribers: dict[str, Subscriber] = {}
        # Glue and Athena want names, and they must be lower case.
        name = lower_case_name(self, max_length=100, separator="_")
        self.database_name, self.table_name, self.workgroup_name = name, "lines", name
        self._table = add_line_table(
            self,
            bucket=self.bucket,
            database_name=self.database_name,
            table_name=self.table_name,
            oldest=3650 if bucket is not None else int(kept.to_days()),
        )
        self.transform_function = add_function(
            self,
            "TransformFunction",
            handler="data/log_lines",
            description="Makes JSON lines of log events",
            invocation=Invocation.REQUEST,
            publishes_metrics=True,
            memory_size=512,
            timeout=minutes(1),
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        self._delivery, self._subscribing = add_line_delivery(
            self,
            bucket=self.bucket,
            function=self.transform_function,
            interval=interval,
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self._workgroup = add_workgroup(
            self,
            name=self.workgroup_name,
            bucket=self.bucket,
            encryption_key=self.bucket.encryption_key,
            scan_limit_mb=scan_limit_mb,
            removal_policy=removal_policy,
        )
        self._add_alarms(interval)
        self.add_saved_query(
            "Errors",
            description="What services have logged as errors in the last 24 hours, the newest first",
            sql='SELECT "at", service, log_stream, message FROM lines '
            "WHERE day >= date_format(current_timestamp - INTERVAL '24' HOUR, '%Y-%m-%d') "
            "AND (level IN ('ERROR', 'CRITICAL', 'FATAL') OR (level IS NULL AND message LIKE '%ERROR%')) "
            'ORDER BY "at" DESC LIMIT 1000',
        )

    @cached_property
    def delivery_stream(self) -> firehose.IDeliveryStream:
        """Receives what subscription filters pass on."""
        return known_as(self, self._delivery)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this aggregation and of its subscriptions; none without ``alarm_topic``."""
        every = [*alarms_of(self), *(alarm for each in self._subscribers.values() for alarm in alarms_of(each))]
        return list(dict.fromkeys(every))

    def add_log_group(
        self, log_group: logs.ILogGroup, *, service: str, filter_pattern: logs.IFilterPattern | None = None
    ) -> logs.CfnSubscriptionFilter:
        """Collect what a log group receives from now on; return the subscription filter.

        Args:
            log_group: A log group of this Region and account, of the class Standard. It may have two subscription
                filters: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
            service: Whose lines these are: up to 63 lower-case letters, digits and hyphens. Several log groups may be
                of one service. An aggregation has up to 500.
            filter_pattern: Which events are collected, such as ``FilterPattern.any_term("ERROR")``. Default: all.

        Raises:
            InvalidOptionError: for a log group that is collected already, is this aggregation's own, or is of the class
                Infrequent Access, which takes no subscription filter; a service that cannot be one; or too many.
        """
        check_log_group(self, log_group, self._subscribers)
        if not _SERVICE.fullmatch(service):
            fix = "Use up to 63 lower-case letters, digits and hyphens, such as orders"
            raise InvalidOptionError(self, "service", f"is {service!r}", fix)
        self._services.setdefault(service)
        if len(self._services) > _MOST_SERVICES:
            problem = f"is {service!r}, and this aggregation has {_MOST_SERVICES} others"
            fix = f"Give another aggregation to some of them: Firehose keeps {_MOST_SERVICES} partitions open"
            raise InvalidOptionError(self, "service", problem, f"{fix} ({_FIREHOSE_LIMITS})")
        name_services(self._table, list(self._services))
        made = Subscriber(
            log_group,
            aggregation=self,
            service=service,
            pattern="" if filter_pattern is None else filter_pattern.log_pattern_string,
            delivery_stream=self._delivery,
            role=self._subscribing,
            alarm_topic=self._alarm_topic,
        )
        self._subscribers[log_group.node.path] = made
        return made.filter

    def add_log_groups(self, scope: IConstruct, *, service: str) -> list[logs.CfnSubscriptionFilter]:
        """Collect what every log group below a construct receives, as far as they are made by now.

        Log groups of this aggregation itself, and those that are collected already, are left out.

        Args:
            scope: A pattern, a stack, or the app.
            service: As for ``add_log_group``.

        Returns:
            The subscription filters.

        Raises:
            InvalidOptionError: for a scope without a log group that could be added; and as for ``add_log_group``.
        """
        found = log_groups_of(self, scope, self._subscribers)
        if not found:
            problem = f"is {scope.node.path!r}, which has no log group that is not collected yet"
            raise InvalidOptionError(self, "scope", problem, "Make its log groups before, or name one: add_log_group")
        return [self.add_log_group(log_group, service=service) for log_group in found]

    def add_saved_query(self, construct_id: str, *, sql: str, description: str) -> athena.CfnNamedQuery:
        """Keep a query in the workgroup, for people to run.

        Args:
            construct_id: Id inside this aggregation, and the query's name.
            sql: In the dialect of Athena; compare ``day``, and ``service`` where one is meant, so that it does not read
                everything.
            description: What it answers.
        """
        return add_saved_query(
            self, construct_id, table=self._table, workgroup=self._workgroup, sql=sql, description=description
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal query this table in this workgroup, and so read lines and write results."""
        return grant_queries(
            grantee,
            workgroup=self._workgroup,
            table=self._table,
            bucket=self.bucket,
            records=LINES,
            encryption_key=self.bucket.encryption_key,
        )

    def metric_lag(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Age in seconds of the oldest line that is not in S3 yet, per minute by default."""
        return metric_lag(self._delivery, period=period)

    def metric_rejected(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Records that are no log events, which Firehose puts below ``errors/``, per 5 minutes by default."""
        return function_metric(self.transform_function, "RejectedRecords", period=period)

    def _add_alarms(self, interval: Duration) -> None:
        add_freshness_alarm(self, self._delivery, interval, alarm_topic=self._alarm_topic)
        add_throttling_alarm(self, "DeliveryThrottledAlarm", self._delivery, alarm_topic=self._alarm_topic)
        add_alarm(
            self,
            "RejectedRecordsAlarm",
            self.metric_rejected(),
            alarm_topic=self._alarm_topic,
            description=f"{path_of(self)}: records were no log events. They are below {ERRORS}processing-failed/ with "
            "the reason; look for whoever else puts records into the delivery stream.",
        )
        add_alarm(
            self,
            "TransformationAlarm",
            self.transform_function.metric_errors(period=minutes(5)),
            alarm_topic=self._alarm_topic,
            description=f"{path_of(self)}: the function that makes lines fails. Firehose tries it four times, then the "
            f"events are below {ERRORS}processing-failed/. Read its log, correct it, and put them again.",
        )

    def _make_bucket(self, kept: Duration, removal_policy: RemovalPolicy) -> s3.Bucket:
        age = int(kept.to_days())
        colder = s3.Transition(
            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=days(_ARCHIVED_AFTER)
        )
        rules = [
            s3.LifecycleRule(
                id=f"Expire{prefix.strip('/').capitalize()}",
                prefix=prefix,
                expiration=days(age),
                noncurrent_version_expiration=days(1),
                transitions=[colder] if prefix == LINES and age >= 2 * _ARCHIVED_AFTER else None,
            )
            for prefix in (LINES, ERRORS)
        ]
        return add_private_bucket(
            self,
            "Bucket",
            encryption_key=self.encryption_key,
            removal_policy=removal_policy,
            lifecycle_rules=[*rules, expiring_results()],
        )
