"""ScheduledFunction: a function that runs at certain times, once for each, and never twice at a time."""

import json

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.compute._run_once import add_failure_alarms, add_records, check_function, run_once_metric, wrap
from cdp_constructs.compute.async_retries import AsyncRetries
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.functions import send_failures
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minute, minutes
from cdp_constructs.core.queues import add_dead_letter_queue, metric_dead_letters
from cdp_constructs.core.schedules import add_schedule, add_schedule_role
from cdp_constructs.core.validation import check_duration

__all__ = ["ScheduledFunction"]

_WINDOWS = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html"
_LONGEST_WINDOW = Duration.days(1)
# The most that EventBridge Scheduler makes; the age of the call ends them earlier.
_MOST_RETRIES = 185
# Longer than Scheduler and Lambda try together.
_REMEMBERED = days(2)
# What EventBridge Scheduler fills in when it calls.
_EVENT = {
    "scheduled_time": "<aws.scheduler.scheduled-time>",
    "schedule_arn": "<aws.scheduler.schedule-arn>",
    "execution_id": "<aws.scheduler.execution-id>",
}


@checks_options
class ScheduledFunction(Construct):
    """Runs a function at certain times, in a time zone: once for each time, and never twice at a time.

    CDP: none; cron without a server. EventBridge Scheduler calls at least once, and Lambda tries again; a table
    remembers each time, and locks the function while it runs. A run that is longer than its period lets times be
    skipped, which raises an alarm; what could not be called, and a run that failed, is kept in a dead-letter queue::

        at_seven = scheduler.ScheduleExpression.cron(hour="7", minute="0", time_zone=TimeZone.ASIA_TOKYO)
        ScheduledFunction(self, "DailyReport", function=report, schedule=at_seven, alarm_topic=operators)
    """

    function: lambda_.Function
    """The given function. Lambda calls the module ``run_once``, which calls the function's handler."""
    schedule: scheduler.CfnSchedule
    """The schedule."""
    table: dynamodb.ITable
    """Remembers the times, and locks the function while it runs."""
    dead_letter_queue: sqs.IQueue
    """Keeps calls that could not be made, and runs that failed, for 14 days."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where keys of AWS encrypt."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: lambda_.Function,
        schedule: scheduler.ScheduleExpression,
        flexible_window: Duration | None = None,
        retries: AsyncRetries | None = None,
        table: dynamodb.ITable | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the schedule, and wrap the function's handler.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            function: A Python function (3.10 to 3.14, zip package) of the same Region. It gets the layers of
                Powertools and of the module ``run_once``, variables that begin with ``RUN_ONCE``, and access to its own
                records. Its event has ``scheduled_time``, ``schedule_arn`` and ``execution_id``.
            schedule: When: a rate, a ``cron`` with a time zone and its summer time, or once.
            flexible_window: How much later a call may come, 1 minute to 24 hours in whole minutes, so that what many
                schedules share is not called in one second
                (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html).
                Default: it comes within that minute.
            retries: How often a run that fails is retried; and how long a call is worth a try that could not be
                made, or found no concurrency. Default: twice, 1 hour.
            table: An existing table of this Region with the partition key ``id`` (a string), no sort key, and time to
                live by ``expires_at``; several functions may share it. Nothing on it is changed. Default: a new one,
                on demand, with point-in-time recovery and deletion protection.
            encryption_key: A customer-managed key for the new table and the queue. Default: keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            removal_policy: What happens to the new table when the stack is deleted. Default: kept, and protected from
                deletion.

        Raises:
            InvalidOptionError: for a function that does not run Python, is given to two of these, has settings of
                asynchronous invocations or, with ``alarm_topic``, no log group; a table without the key; a window out
                of range.
        """
        super().__init__(scope, construct_id)
        if flexible_window is not None:
            check_duration(
                self,
                "flexible_window",
                flexible_window,
                low=minute(),
                high=_LONGEST_WINDOW,
                source=_WINDOWS,
                unit=minute(),
            )
        tries = retries or AsyncRetries(max_event_age=minutes(60))
        self.function = function
        self.encryption_key = encryption_key
        self.table = add_records(self, table, encryption_key=encryption_key, removal_policy=removal_policy)
        check_function(self, function)
        wrap(
            self,
            function,
            entry="schedule",
            table=self.table,
            encryption_key=encryption_key,
            expires_after=_REMEMBERED,
        )
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="calls that could not be made and runs that failed",
            encryption_key=encryption_key,
        )
        send_failures(
            self,
            "FailedInvocations",
            function,
            self.dead_letter_queue,
            encryption_key=encryption_key,
            retry_attempts=tries.attempts,
            max_event_age=tries.max_event_age,
        )
        self.schedule = add_schedule(
            self,
            "Schedule",
            expression=schedule.expression_string,
            time_zone=schedule.time_zone,
            flexible_window=flexible_window,
            target=function,
            role=add_schedule_role(self, function, self.dead_letter_queue, encryption_key),
            dead_letter_queue=self.dead_letter_queue,
            description=f"Calls {path_of(function)}",
            max_event_age=tries.max_event_age,
            retry_attempts=_MOST_RETRIES,
            event=json.dumps(_EVENT),
        )
        add_failure_alarms(self, function, alarm_topic)
        add_alarm(
            self,
            "SkippedRunsAlarm",
            self.metric_skipped(period=minutes(5)),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: a run lasted longer than the time to the next one, which was skipped. Look "
            "at the durations; make runs shorter, or the schedule's period longer.",
        )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this function, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def metric_skipped(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Times at which the run before had not ended. Sum over 5 minutes by default."""
        return run_once_metric(self.function, "SkippedRuns", period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Calls and runs in the dead-letter queue. Per minute by default."""
        return metric_dead_letters(self.dead_letter_queue, period=period)
