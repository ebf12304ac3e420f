"""SelfHealingSite: what somebody changes in the bucket of a site is put back by itself."""

import re
from collections.abc import Sequence

from aws_cdk import Duration, Lazy, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.buckets import add_private_bucket, send_events, sends_events
from cdp_constructs.core.cdk import cloudwatch
from cdp_constructs.core.event_sources import consume_queue
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.object_events import OBJECT_CREATED, OBJECT_DELETED, queue_object_events
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, minutes, seconds
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue, metric_oldest_message
from cdp_constructs.core.schedules import add_schedule, add_schedule_role
from cdp_constructs.core.validation import InvalidOptionError, check_duration
from cdp_constructs.delivery._data_events import OwnRoles, queue_data_events
from cdp_constructs.delivery._site_repair import CHECK_TIMEOUT, REPAIR_TIMEOUT, SiteFunctions
from cdp_constructs.delivery.direct_hosting import DirectHosting

_CHECKS = "a check may take 15 minutes, and drift without an event should not stay longer than a day"
_PAUSES = "a pause that somebody forgot should end within a working day"
_LAG_THAT_ALARMS_S = 60
_PREFIX = re.compile(r"[^*?\0]{1,512}")


@checks_options
class SelfHealingSite(Construct):
    """Puts back within seconds what somebody changes, deletes or adds in the bucket of a site, and tells who it was.

    CDP: none; the self-healing site of the mobile backend.

    Each deployment puts the files into a versioned bucket that nobody serves, and then into the site's own. S3's events
    go through a queue to a function that makes each object what that source has; a schedule compares everything.

        web = DirectHosting(self, "Web")
        SelfHealingSite(self, "Healing", site=web, alarm_topic=operators)
        web.add_site("web/dist")
    """

    source_bucket: s3.Bucket
    """What the site has to be; versioned, and written by deployments only."""
    queue: sqs.Queue
    """Holds S3's events until they are worked on."""
    dead_letter_queue: sqs.Queue
    """Keeps events of objects that could not be repaired."""
    check_dead_letter_queue: sqs.Queue
    """Keeps checks that failed."""
    repair_function: lambda_.Function
    """Repairs by events."""
    check_function: lambda_.Function
    """Compares everything."""
    pause_parameter: ssm.StringParameter
    """Until when nothing is repaired, as a time of ISO 8601."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: DirectHosting,
        check_every: Duration | None = None,
        longest_pause: Duration | None = None,
        ignored_prefixes: Sequence[str] = (),
        data_events: bool = False,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Watch a site.

        Args:
            scope: The stack or construct that it becomes part of: that of the site, in the Region of its bucket.
            construct_id: Id inside ``scope``.
            site: The site, before ``add_site``. A bucket that it made then sends its events to EventBridge; an existing
                one has to.
            check_every: Time between comparisons of everything, 15 minutes to 1 day. Default: 1 hour.
            longest_pause: When a pause ends at the latest after it began, 5 minutes to 8 hours. Default: 1 hour.
            ignored_prefixes: Beginnings of keys that others write into the bucket by right, such as ``reports/``.
                Default: none.
            data_events: Whether the events of CloudTrail are read that say who changed the site; a trail of the account
                has to record data events of the bucket (writes). Default: the log has account and address, of S3's own
                events.
            encryption_key: A customer-managed key for what is made here: the source, queues and logs. Default: keys of
                AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the functions' logs are kept. Default: 3 months.
            removal_policy: What happens to the source and the logs when the stack is deleted. Default: kept.

        Raises:
            InvalidOptionError: for times out of range, a prefix that is empty, a site that has its files already, and
                an existing bucket of this app that sends no events to EventBridge.
        """
        super().__init__(scope, construct_id)
        interval, longest = check_every or minutes(60), longest_pause or minutes(60)
        check_duration(
            self, "check_every", interval, low=CHECK_TIMEOUT, high=Duration.days(1), source=_CHECKS, unit=minute()
        )
        check_duration(
            self, "longest_pause", longest, low=minutes(5), high=Duration.hours(8), source=_PAUSES, unit=minute()
        )
        for prefix in ignored_prefixes:
            if not _PREFIX.fullmatch(prefix) or not prefix.strip():
                fix = "Use the beginning of a key without * and ?, such as reports/"
                raise InvalidOptionError(self, "ignored_prefixes", f"contains {prefix!r}", fix)
        self.source_bucket = add_private_bucket(
            self, "Source", encryption_key=encryption_key, removal_policy=removal_policy
        )
        site.copy_to(self.source_bucket)
        if site.bucket.node.path.startswith(f"{site.node.path}/") and not sends_events(site.bucket):
            send_events(site.bucket)
        self.pause_parameter = ssm.StringParameter(
            self,
            "Pause",
            string_value="none",
            description=f"Until when {path_of(self)} repairs nothing: a time of ISO 8601, such as 2027-01-15T06:00:00Z",
        )
        self._add_queues(encryption_key, alarm_topic)
        functions = SiteFunctions(
            scope=self,
            bucket=site.bucket,
            source_bucket=self.source_bucket,
            distribution=site.distribution,
            pause_parameter=self.pause_parameter,
            longest_pause=longest,
            ignored_prefixes=ignored_prefixes,
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self.repair_function = functions.add_repair()
        self.check_function = functions.add_check(self.check_dead_letter_queue)
        consume_queue(self, "Repairs", self.repair_function, self.queue)
        queue_object_events(
            self,
            "ObjectEvents",
            bucket=site.bucket,
            prefix="",
            detail_types=[OBJECT_CREATED, OBJECT_DELETED],
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
            encryption_key=encryption_key,
        )
        if data_events:
            self._tell_who(site, encryption_key)
        self._check(interval, encryption_key)
        self._add_alarms(alarm_topic)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def grant_pause(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal, such as the role of another deployment, pause repairs and end a pause."""
        return self.pause_parameter.grant_write(grantee)

    def metric_repaired(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Objects that were put back by events. Sum over 5 minutes by default."""
        return function_metric(self.repair_function, "RepairedObjects", period=period)

    def metric_repaired_by_check(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Objects that a check put back, of which no event told. Sum over 5 minutes by default."""
        return function_metric(self.check_function, "RepairedByCheck", period=period)

    def metric_lag(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest event that waits. Per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def _add_queues(self, encryption_key: kms.IKey | None, alarm_topic: sns.ITopic | None) -> None:
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="events of objects that were not repaired",
            encryption_key=encryption_key,
        )
        self.queue = add_work_queue(
            self,
            "Queue",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=seconds(6 * REPAIR_TIMEOUT.to_seconds()),
            encryption_key=encryption_key,
        )
        self.check_dead_letter_queue = add_dead_letter_queue(
            self,
            "CheckDeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="checks that failed",
            encryption_key=encryption_key,
        )

    def _tell_who(self, site: DirectHosting, encryption_key: kms.IKey | None) -> None:
        queue_data_events(
            self,
            "DataEvents",
            bucket=site.bucket,
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
            encryption_key=encryption_key,
        )
        own = [role for role in (self.repair_function.role, self.check_function.role) if role]
        # The role of the deployment is known after add_site.
        self.repair_function.add_environment("OWN_ROLES", Lazy.string(OwnRoles(self, site, own)))

    def _check(self, interval: Duration, encryption_key: kms.IKey | None) -> None:
        add_schedule(
            self,
            "Check",
            expression=f"rate({interval.to_minutes():.0f} minutes)",
            target=self.check_function,
            role=add_schedule_role(self, self.check_function, self.check_dead_letter_queue, encryption_key),
            dead_letter_queue=self.check_dead_letter_queue,
            description=f"Compares the site of {path_of(self)} with its source",
            max_event_age=minutes(15),
            retry_attempts=2,
        )

    def _add_alarms(self, alarm_topic: sns.ITopic | None) -> None:
        where = path_of(self)
        add_alarm(
            self,
            "DriftAlarm",
            self.metric_repaired(period=minute()),
            alarm_topic=alarm_topic,
            description=f"{where}: somebody changed the site, and it was put back. The log of the repair function says "
            "what, and who; take the permission away.",
            notify_recovery=False,
        )
        add_alarm(
            self,
            "MissedChangesAlarm",
            self.metric_repaired_by_check(),
            alarm_topic=alarm_topic,
            description=f"{where}: the check put back what changed without an event. Look at the bucket's EventBridge "
            "setting, the dead-letter queue, and whether there was a pause.",
            notify_recovery=False,
        )
        add_alarm(
            self,
            "LagAlarm",
            self.metric_lag(),
            alarm_topic=alarm_topic,
            threshold=_LAG_THAT_ALARMS_S,
            evaluation_periods=3,
            description=f"{where}: repairs are behind by a minute or longer. Somebody changes the site faster than it "
            "is repaired: the log says who; take the permission away.",
        )
