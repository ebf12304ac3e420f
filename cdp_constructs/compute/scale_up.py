"""ScaleUp: tasks of another size, or another capacity of a database, at certain times or when an alarm says so."""

from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

import cdp_constructs
from cdp_constructs.compute._size_changes import (
    allow_capacity,
    allow_tasks,
    environment_of,
    keep_failed_deployments,
)
from cdp_constructs.compute.sizes import DatabaseCapacity, TaskSize
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import rds
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.object_events import EVENTBRIDGE_SERVICE, let_rule_send
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.schedules import add_schedule, add_schedule_role
from cdp_constructs.core.validation import InvalidOptionError, check_one_of


@checks_options
class ScaleUp(Construct):
    """Gives a service bigger or smaller tasks, or an Aurora Serverless v2 cluster another capacity, and back.

    CDP: Scale Up / スケールアップ. For what does not become faster by more copies. Every size is in the template; a
    function changes from one to another, and may do nothing else::

        size = ScaleUp(self, "LedgerSize", service=ledger, alarm_topic=operators)
        morning = scheduler.ScheduleExpression.cron(hour="7", minute="0", time_zone=TimeZone.ASIA_TOKYO)
        size.scale_on_schedule("Morning", schedule=morning, size=TaskSize(cpu=2048, memory_limit_mib=8192))
        size.scale_on_schedule("Evening", schedule=evening, size=TaskSize(cpu=512, memory_limit_mib=1024))
    """

    function: lambda_.Function
    """Changes the size; the runbook says how to call it by hand."""
    dead_letter_queue: sqs.Queue
    """Keeps changes that failed, and reports of deployments that were rolled back."""
    encryption_key: kms.IKey | None
    """Encrypts queue and logs; None for keys of AWS."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service: "cdp_constructs.ScaleOutService | cdp_constructs.Stamp | None" = None,
        database: "rds.IDatabaseCluster | None" = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the function that changes sizes.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            service: The service whose tasks change. Tasks are replaced: of a ``ScaleOutService`` one by one, without a
                lost request; a ``Stamp`` is away as for any replacement. Default: none, with ``database``.
            database: The Aurora Serverless v2 cluster whose capacity changes, without an interruption. Default: none,
                with ``service``.
            encryption_key: A customer-managed key for the dead-letter queue and the function's logs. Default: keys of
                AWS.
            alarm_topic: Receives an alarm when a change fails. Default: no alarm.
            log_retention: How long the function's logs are kept. Default: 3 months.
            removal_policy: What happens to the function's logs when the stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: when none or both of ``service`` and ``database`` are given.
        """
        super().__init__(scope, construct_id)
        check_one_of(self, {"service": service, "database": database}, fix="Give service or database")
        self._service = service
        self._task_definitions: dict[TaskSize, str] = {}
        self.encryption_key = encryption_key
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="changes of size that failed or were rolled back",
            encryption_key=encryption_key,
        )
        self.function = add_function(
            self,
            "Function",
            handler="compute/scale_up",
            description=f"Changes the size for {path_of(self)}"[:256],
            invocation=Invocation.EVENT,
            dead_letter_queue=self.dead_letter_queue,
            environment=environment_of(service, database),
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        if service is not None:
            allow_tasks(self.function, service)
            keep_failed_deployments(self, service, self.dead_letter_queue, encryption_key)
        elif database is not None:
            allow_capacity(self.function, database)
        self._schedule_role: iam.Role | None = None

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this pattern; none without ``alarm_topic``."""
        return alarms_of(self)

    def scale_on_schedule(
        self, construct_id: str, *, schedule: scheduler.ScheduleExpression, size: TaskSize | DatabaseCapacity
    ) -> None:
        """Change the size at certain times.

        Args:
            construct_id: Id inside this pattern.
            schedule: When, in a time zone with its summer time, or once.
            size: What tasks or the database have from then on: ``TaskSize`` for a service, ``DatabaseCapacity`` for a
                database.

        Raises:
            InvalidOptionError: for a size of the other kind.
        """
        role = self._schedule_role = self._schedule_role or add_schedule_role(
            self, self.function, self.dead_letter_queue, self.encryption_key
        )
        add_schedule(
            self,
            construct_id,
            expression=schedule.expression_string,
            time_zone=schedule.time_zone,
            target=self.function,
            role=role,
            dead_letter_queue=self.dead_letter_queue,
            description=f"Changes the size for {path_of(self)}",
            max_event_age=minutes(15),
            retry_attempts=5,
            event=self._event(size),
        )

    def scale_on_alarm(self, construct_id: str, *, alarm: cloudwatch.Alarm, size: TaskSize | DatabaseCapacity) -> None:
        """Change the size when an alarm is raised; nothing changes it back but a schedule, or another alarm.

        Args:
            construct_id: Id inside this pattern.
            alarm: The alarm.
            size: As for ``scale_on_schedule``.

        Raises:
            InvalidOptionError: for a size of the other kind.
        """
        queue = self.dead_letter_queue
        rule = events.CfnRule(
            self,
            construct_id,
            description=f"Changes the size for {path_of(self)}"[:512],
            event_pattern={
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "resources": [alarm.alarm_arn],
                "detail": {"state": {"value": ["ALARM"]}},
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Function",
                    arn=self.function.function_arn,
                    input=self._event(size),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queue.queue_arn),
                )
            ],
        )
        self.function.add_permission(
            f"Allow{construct_id}", principal=iam.ServicePrincipal(EVENTBRIDGE_SERVICE), source_arn=rule.attr_arn
        )
        let_rule_send(rule, queue, encryption_key=self.encryption_key)

    def _event(self, size: TaskSize | DatabaseCapacity) -> str:
        """Return what the function receives."""
        if self._service is None:
            if not isinstance(size, DatabaseCapacity):
                raise InvalidOptionError(self, "size", f"is {size!r}", "Give a DatabaseCapacity for a database")
            capacity: Mapping[str, object] = {"min_capacity": size.min_capacity, "max_capacity": size.max_capacity}
            return stack_of(self).to_json_string(capacity)
        if not isinstance(size, TaskSize):
            raise InvalidOptionError(self, "size", f"is {size!r}", "Give a TaskSize for a service")
        if size not in self._task_definitions:
            name = f"{self.node.id}{size.cpu}Cpu{size.memory_limit_mib}Mib"
            made = self._service.add_size(name, cpu=size.cpu, memory_limit_mib=size.memory_limit_mib)
            self._task_definitions[size] = made.task_definition_arn
        return stack_of(self).to_json_string({"task_definition": self._task_definitions[size]})
