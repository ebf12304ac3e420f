"""One way to call a function, start a workflow or fill a queue by EventBridge Scheduler: its role, failures kept."""

from typing import TypeAlias

from aws_cdk import Duration, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from cdp_constructs.core.cdk import kms, lambda_, sqs, stepfunctions
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.paths import stack_of

__all__ = ["add_schedule", "add_schedule_role"]

_LONGEST_DESCRIPTION = 512
Target: TypeAlias = "lambda_.IFunction | sqs.IQueue | stepfunctions.IStateMachine"
_ACTIONS = {
    "function_arn": "lambda:InvokeFunction",
    "queue_arn": "sqs:SendMessage",
    "state_machine_arn": "states:StartExecution",
}


def add_schedule_role(
    scope: Construct,
    target: "Target",
    dead_letter_queue: "sqs.IQueue",
    encryption_key: "kms.IKey | None",
) -> iam.Role:
    """Add the role by which schedules call one function, start one workflow or fill one queue, and send what failed.

    Args:
        scope: The pattern; the role is its child ``ScheduleRole``.
        target: What is called, started or filled.
        dead_letter_queue: Receives calls that could not be made.
        encryption_key: The customer-managed key of the queues, if they have one.
    """
    account = {"StringEquals": {"aws:SourceAccount": stack_of(scope).account}}
    role = iam.Role(
        scope, "ScheduleRole", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=account)
    )
    for action, resource in (_call_of(target), ("sqs:SendMessage", dead_letter_queue.queue_arn)):
        role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
    if encryption_key is not None:
        encryption_key.grant(role, *USE_KEY)
    return role


def add_schedule(
    scope: Construct,
    construct_id: str,
    *,
    expression: str,
    target: "Target",
    role: iam.Role,
    dead_letter_queue: "sqs.IQueue",
    description: str,
    max_event_age: Duration,
    retry_attempts: int,
    event: str = "{}",
    time_zone: TimeZone | None = None,
    flexible_window: Duration | None = None,
) -> scheduler.CfnSchedule:
    """Add a schedule that calls a function, starts a workflow or sends a message to a queue.

    Args:
        scope: The pattern.
        construct_id: Id of the schedule inside ``scope``.
        expression: When, such as ``rate(1 minute)``.
        target: What is called, started or filled.
        role: Of ``add_schedule_role``.
        dead_letter_queue: Receives calls that could not be made.
        description: What it does.
        max_event_age: How long a call that failed is worth a retry.
        retry_attempts: Its most retries.
        event: What the target receives, as JSON.
        time_zone: Of the expression. Default: none in the template, which is UTC.
        flexible_window: How much later the scheduler may call, in whole minutes. Default: it calls in that minute.
    """
    _, arn = _call_of(target)
    properties = scheduler.CfnSchedule.TargetProperty(
        arn=arn,
        role_arn=role.role_arn,
        input=event,
        dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letter_queue.queue_arn),
        retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
            maximum_event_age_in_seconds=max_event_age.to_seconds(), maximum_retry_attempts=retry_attempts
        ),
    )
    made = scheduler.CfnSchedule(
        scope,
        construct_id,
        description=description[:_LONGEST_DESCRIPTION],
        schedule_expression=expression,
        schedule_expression_timezone=time_zone.timezone_name if time_zone is not None else None,
        flexible_time_window=_window(flexible_window),
        target=properties,
    )
    # The scheduler tries the role when it takes the schedule.
    made.node.add_dependency(role)
    return made


def _window(length: Duration | None) -> scheduler.CfnSchedule.FlexibleTimeWindowProperty:
    if length is None:
        return scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF")
    return scheduler.CfnSchedule.FlexibleTimeWindowProperty(
        mode="FLEXIBLE", maximum_window_in_minutes=length.to_minutes()
    )


def _call_of(target: "Target") -> tuple[str, str]:
    """Return the action by which a target is called, and its ARN."""
    # The CDK's interfaces cannot be asked for with isinstance().
    for attribute, action in _ACTIONS.items():
        arn: str | None = getattr(target, attribute, None)
        if arn is not None:
            return action, arn
    raise TypeError(f"{target.node.path} is no target of schedules")
