"""Workflow: steps in series, in parallel and over many items, with what it takes to run them in production."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from aws_cdk import ArnFormat, Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct

import cdp_constructs
from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, kms, sns, sqs
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.object_events import let_rule_send
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import days, minute, minutes, seconds
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.schedules import add_schedule, add_schedule_role
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_range
from cdp_constructs.workflow._state_machine import (
    acknowledge_tasks,
    add_log,
    add_role,
    has_timeout,
    only_standard,
    written_definition,
)
from cdp_constructs.workflow.workflow_queue import WorkflowQueue

__all__ = ["Workflow"]

_LONGEST_EXPRESS, _LONGEST_STANDARD = minutes(5), days(365)
_DEFAULT_STANDARD = days(1)
_TYPES = "https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"
_SQS_SOURCE = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"
_LARGEST_INPUT = 262_144
# How long a start that failed is worth a retry: both services try for up to 24 hours.
_START_AGE, _START_RETRIES = Duration.hours(1), 20


@checks_options
class Workflow(Construct):
    """Runs steps in series, in parallel and over many items, on Step Functions.

    CDP: none. The state machine logs every event without its contents, is traced, ends in time, and raises an alarm
    for each way in which an execution ends badly. ``add_retry``, ``for_each``, ``add_saga`` and ``HumanApproval`` make
    its steps, beside those of the CDK::

        fulfil = Workflow(self, "Fulfil", definition=reserve.next(both).next(confirm), alarm_topic=operators)
        fulfil.start_on_event("Placed", event_pattern=events.EventPattern(detail_type=["order.placed"]))
        fulfil.start_on_message("Orders").queue.grant_send_messages(shop)
        fulfil.grant_start(orders_function)
    """

    state_machine: sfn.StateMachine
    """The state machine."""
    log_group: logs.ILogGroup
    """Every event of every execution."""
    dead_letter_queue: "sqs.Queue | None"
    """Keeps starts by schedules and events that failed, for 14 days; None before the first of these is added."""
    encryption_key: "kms.IKey | None"
    """The given customer-managed key; None where AWS encrypts with keys of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        definition: "sfn.IChainable | sfn.DefinitionBody",
        state_machine_type: sfn.StateMachineType = sfn.StateMachineType.STANDARD,
        timeout: Duration | None = None,
        include_execution_data: bool = False,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the state machine.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            definition: The first step, or a chain of steps; or a definition in Amazon States Language.
            state_machine_type: ``STANDARD`` runs each step once, for up to a year, waits for people and jobs, can be
                redriven, and costs $25 per million transitions. ``EXPRESS`` runs for up to 5 minutes, at least once,
                and costs by requests and time: choose it for many short executions whose steps may run twice
                (https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html).
            timeout: How long an execution may take, 1 second to 1 year, of Express 5 minutes. A definition in Amazon
                States Language has ``TimeoutSeconds`` instead. Default: 1 day, of Express 5 minutes.
            include_execution_data: Whether the log has inputs and outputs, which may be personal data. Default: no.
            encryption_key: A customer-managed key for definition, executions, logs and queue; who reads executions
                needs ``kms:Decrypt``, as ``grant_operate`` gives it. Default: keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the log is kept. Default: 3 months.
            removal_policy: What happens to the log when the stack is deleted. Default: kept.

        Raises:
            InvalidOptionError: for an Express workflow with a step or a timeout that only Standard can have, and a
                definition without an end in time.
        """
        super().__init__(scope, construct_id)
        self.encryption_key = encryption_key
        self._express = state_machine_type is sfn.StateMachineType.EXPRESS
        self._alarm_topic = alarm_topic
        self._log_retention, self._removal_policy = log_retention, removal_policy
        self._schedule_role: iam.Role | None = None
        self.dead_letter_queue = None
        chained = not isinstance(definition, sfn.DefinitionBody) or isinstance(definition, sfn.ChainDefinitionBody)
        self._check_timeout(timeout, chained=chained)
        role = add_role(self)
        body = (
            definition if isinstance(definition, sfn.DefinitionBody) else sfn.DefinitionBody.from_chainable(definition)
        )
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=body,
            state_machine_type=state_machine_type,
            role=role,
            timeout=(timeout or (_LONGEST_EXPRESS if self._express else _DEFAULT_STANDARD)) if chained else None,
            encryption_configuration=(
                sfn.CustomerManagedEncryptionConfiguration(encryption_key, seconds(300)) if encryption_key else None
            ),
        )
        self._check_definition(body, chained=chained)
        self.log_group = add_log(
            self,
            self.state_machine,
            include_execution_data=include_execution_data,
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        acknowledge_tasks(role, self.state_machine)
        self._add_alarms()

    def start_on_schedule(
        self, construct_id: str, *, schedule: scheduler.ScheduleExpression, payload: Mapping[str, Any] | None = None
    ) -> scheduler.CfnSchedule:
        """Start an execution at certain times.

        Args:
            construct_id: Id inside this pattern.
            schedule: When, in a time zone with its summer time, or once.
            payload: The input of each execution, at most 256 KB as JSON. ``<aws.scheduler.scheduled-time>`` in it is
                replaced by the time. Default: an empty object.

        Raises:
            InvalidOptionError: for a payload that is no JSON or too large.
        """
        queue = self._place_for_failed_starts()
        self._schedule_role = self._schedule_role or add_schedule_role(
            self, self.state_machine, queue, self.encryption_key
        )
        return add_schedule(
            self,
            construct_id,
            expression=schedule.expression_string,
            time_zone=schedule.time_zone,
            target=self.state_machine,
            role=self._schedule_role,
            dead_letter_queue=queue,
            description=f"Starts {path_of(self)}",
            max_event_age=_START_AGE,
            retry_attempts=_START_RETRIES,
            event=self._written(payload),
        )

    def start_on_event(
        self, construct_id: str, *, event_pattern: events.EventPattern, event_bus: events.IEventBus | None = None
    ) -> events.CfnRule:
        """Start an execution for each event that matches; the event is its input.

        EventBridge delivers at least once. An event that must not be worked on twice needs a step that says so.

        Args:
            construct_id: Id inside this pattern.
            event_pattern: Which events.
            event_bus: The bus. Default: the account's.
        """
        queue = self._place_for_failed_starts()
        rule = events.Rule(
            self,
            construct_id,
            description=f"Starts {path_of(self)}",
            event_pattern=event_pattern,
            event_bus=event_bus,
        )
        role = iam.Role(
            rule,
            "StartRole",
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack_of(self).account}}
            ),
        )
        self.grant_start(role)
        resource: events.CfnRule = rule.node.default_child  # type: ignore[assignment]  # its only L1
        # Not add_target(): aws_events_targets loads half of the CDK, and shares one role among all rules.
        resource.targets = [
            events.CfnRule.TargetProperty(
                id="Workflow",
                arn=self.state_machine.state_machine_arn,
                role_arn=role.role_arn,
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queue.queue_arn),
                retry_policy=events.CfnRule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=_START_AGE.to_seconds(), maximum_retry_attempts=_START_RETRIES
                ),
            )
        ]
        let_rule_send(resource, queue, encryption_key=self.encryption_key)
        return resource

    def start_on_message(
        self, construct_id: str, *, payloads: "cdp_constructs.ClaimCheck | None" = None, max_concurrency: int = 10
    ) -> WorkflowQueue:
        """Start an execution for each message of a new queue; the message's body, which is JSON, is its input.

        An object without ``traceparent`` gets that of the message, by which the logs of the steps can name it.

        The message's id is the name of the execution, so that a message that is delivered twice starts one. An Express
        workflow may be started twice. What starts none after five deliveries goes to a dead-letter queue with an alarm.

        Args:
            construct_id: Id inside this pattern.
            payloads: Where a message goes that is larger than ``max_inline_kb`` of it, up to the 1 MB of SQS; the
                execution gets a reference. Default: a message of more than 256 KB starts no execution.
            max_concurrency: Most batches of ten messages at a time, 2 to 1,000.

        Raises:
            InvalidOptionError: for a number out of range.
        """
        # Imported here: a workflow that no message starts pays for no function.
        from cdp_constructs.workflow._starts import add_queue

        check_range(
            self, "max_concurrency", max_concurrency, low=2, high=1000, unit="batches", source=_SQS_SOURCE, tokens=True
        )
        return add_queue(
            self,
            construct_id,
            payloads=payloads,
            max_concurrency=max_concurrency,
            alarm_topic=self._alarm_topic,
            encryption_key=self.encryption_key,
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a role or function start executions; of Express it may also wait for the result."""
        sync = ["states:StartSyncExecution"] if self._express else []
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["states:StartExecution", *sync],
            resource_arns=[self.state_machine.state_machine_arn],
        )

    def grant_operate(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an operator's role list, read, stop and redrive executions."""
        if self.encryption_key is not None:
            self.encryption_key.grant(grantee, *USE_KEY)
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["states:DescribeStateMachine", "states:ListExecutions"],
            resource_arns=[self.state_machine.state_machine_arn],
        )
        executions = stack_of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self.state_machine.state_machine_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        principal = grantee.grant_principal
        if Construct.is_construct(principal):
            reason = "Executions of this state machine, and of no other."
            acknowledge_resources(cast("IConstruct", principal), [executions], reason)
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=[f"states:{name}" for name in _OPERATE],
            resource_arns=[executions],
        )

    def metric_failed(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Executions that failed. Sum over 5 minutes by default."""
        return self.state_machine.metric_failed(period=period or minutes(5))

    def metric_succeeded(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Executions that succeeded. Sum over 5 minutes by default."""
        return self.state_machine.metric_succeeded(period=period or minutes(5))

    def metric_duration(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """How many milliseconds executions took. Average over 5 minutes by default."""
        return self.state_machine.metric_time(period=period or minutes(5))

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this workflow, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def _check_timeout(self, timeout: Duration | None, *, chained: bool) -> None:
        if timeout is None:
            return
        if not chained:
            fix = "Leave it out, and write TimeoutSeconds into the definition"
            raise InvalidOptionError(
                self, "timeout", "was given together with a definition in Amazon States Language", fix
            )
        high = _LONGEST_EXPRESS if self._express else _LONGEST_STANDARD
        check_duration(self, "timeout", timeout, low=seconds(1), high=high, source=_TYPES)

    def _check_definition(self, body: sfn.DefinitionBody, *, chained: bool) -> None:
        if isinstance(body, sfn.FileDefinitionBody):
            definition: str | None = Path(body.path).read_text()
        else:
            definition = written_definition(self.state_machine)
        if definition is None:
            return
        if self._express and (reason := only_standard(definition)):
            fix = "Make it with state_machine_type=StateMachineType.STANDARD, or without that step"
            raise InvalidOptionError(self, "definition", f"contains a step that {reason}, which Express cannot", fix)
        if not chained and not self._express and not has_timeout(definition):
            fix = "Write TimeoutSeconds into it: an execution that hangs would run for a year"
            raise InvalidOptionError(self, "definition", "is without TimeoutSeconds", fix)

    def _written(self, payload: Mapping[str, Any] | None) -> str:
        try:
            written = json.dumps({} if payload is None else dict(payload), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidOptionError(
                self, "payload", f"is no JSON: {error}", "Give texts, numbers and lists"
            ) from error
        if len(written.encode()) > _LARGEST_INPUT:
            fix = "Put it into a bucket, and give the key"
            raise InvalidOptionError(self, "payload", f"is {len(written.encode()):,} bytes as JSON", fix)
        return written

    def _place_for_failed_starts(self) -> "sqs.Queue":
        if self.dead_letter_queue is None:
            self.dead_letter_queue = add_dead_letter_queue(
                self,
                "DeadLetterQueue",
                alarm_topic=self._alarm_topic,
                holds="starts by schedules and events that failed",
                encryption_key=self.encryption_key,
            )
        return self.dead_letter_queue

    def _add_alarms(self) -> None:
        machine = self.state_machine
        redrive = (
            "" if self._express else " Fix the cause, then: aws stepfunctions redrive-execution --execution-arn <arn>."
        )
        metrics = {
            "FailedAlarm": (machine.metric_failed, f"executions failed. The log names step and error.{redrive}"),
            "TimedOutAlarm": (machine.metric_timed_out, f"executions took too long. The log names the step.{redrive}"),
            "ThrottledAlarm": (
                machine.metric_throttled,
                "transitions were throttled and wait. Lower the concurrency of maps, or raise the quota.",
            ),
        }
        if not self._express:
            metrics["AbortedAlarm"] = (machine.metric_aborted, f"executions were stopped by somebody.{redrive}")
        for name, (metric, meaning) in metrics.items():
            add_alarm(
                self,
                name,
                metric(period=minute()),
                alarm_topic=self._alarm_topic,
                description=f"{path_of(self)}: {meaning}",
                notify_recovery=False,
            )


_OPERATE = ("DescribeExecution", "GetExecutionHistory", "RedriveExecution", "StopExecution")
