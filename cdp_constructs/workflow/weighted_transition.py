"""WeightedTransition: users move from one system to another step by step, and back when an alarm is raised."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import kms, sns
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import days, minutes, seconds
from cdp_constructs.core.validation import (
    InvalidOptionError,
    check_duration,
    check_no_repetition,
    check_range,
    check_standard,
)
from cdp_constructs.workflow.steps import add_retry
from cdp_constructs.workflow.weighted_targets import EVERYBODY, Bound, WeightedRecords, WeightedTargetGroups
from cdp_constructs.workflow.workflow import Workflow

__all__ = ["WeightedTransition"]

_ALARM_PERIODS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"
# An execution has 25,000 events, and a look is nine of them.
_HISTORY = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_MOST_STEPS, _MOST_ALARMS, _LOOKS_A_STEP = 20, 20, 60
_SHORTEST_PAUSE = 60
_LASTING = ("AlarmError", "ChangedError")


@checks_options
class WeightedTransition(Construct):
    """Moves users from one system to another step by step, and takes them all back when an alarm is raised.

    CDP: Weighted Transition / ウェイテッドトランジション.

    A workflow moves 10, 50 and 100 % of the requests of a load balancer, or of the answers of Route 53, looks at the
    alarms before each step and every minute until the next one, and tells what it does. Start it when you are ready::

        move = WeightedTransition(
            self,
            "Move",
            target=WeightedTargetGroups(listener=front.listener, current=old, replacement=new),
            alarms=[errors_of_new],
            alarm_topic=operators,
        )
        CfnOutput(self, "Workflow", value=move.workflow.state_machine.state_machine_arn)
    """

    workflow: Workflow
    """Each execution is a transition, or with the input ``{"back": true}`` the way back."""
    function: lambda_.Function
    """Looks at alarms and changes the weights."""
    encryption_key: "kms.IKey | None"
    """The given customer-managed key; None where AWS encrypts with keys of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        target: WeightedTargetGroups | WeightedRecords,
        alarms: "Sequence[cloudwatch.IAlarm]",
        steps: Sequence[int] = (10, 50, 100),
        interval: Duration | None = None,
        topic: "sns.ITopic | None" = None,
        completed: bool = False,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Add the rule or the records, which lead everybody to the current system, and the workflow.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            target: Between what users move: ``WeightedTargetGroups`` of a load balancer, or ``WeightedRecords`` of
                Route 53.
            alarms: 1 to 20 alarms of this Region, composite ones too, that say that the replacement is not well, such
                as errors, latency, or orders that stay away.
            steps: Shares of the users on the replacement in percent, each larger than the one before, the last one 100;
                at most 20. Default: 10, 50 and 100.
            interval: From one step to the next, and after the last one until it is complete: 10 seconds to 1 day in
                whole seconds. Longer than the alarms need, and than ``ttl`` of records. Default: 10 minutes.
            topic: An existing standard topic for notices: each step, the way back with its reason, the end. Default:
                that of ``alarm_topic``.
            completed: Whether the transition is behind you: the template then leads everybody to the replacement, so
                that no deployment takes them back. Default: False.
            encryption_key: A customer-managed key for the workflow and the logs. Default: keys of AWS.
            alarm_topic: Receives an alarm when everybody was taken back, or the workflow cannot go on. Default: no
                alarms.
            log_retention: How long logs are kept. Default: 3 months.
            removal_policy: What happens to the logs when the stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: for no alarms, steps that do not lead to 100 %, and an interval out of range.
        """
        super().__init__(scope, construct_id)
        wait = interval or minutes(10)
        self._check(alarms, steps, wait)
        notices = topic or alarm_topic
        check_standard(self, "topic", notices)
        self.encryption_key = encryption_key
        bound = target.bind(self, completed=completed)
        self.function = add_function(
            self,
            "Function",
            handler="workflow/weighted_transition",
            description=f"Moves users for {path_of(self)}"[:256],
            invocation=Invocation.REQUEST,
            environment={
                "NAME": path_of(self),
                "TARGET": stack_of(self).to_json_string(bound.target),
                "ALARMS": stack_of(self).to_json_string([alarm.alarm_name for alarm in alarms]),
                "INTERVAL_SECONDS": str(int(wait.to_seconds())),
                **({"TOPIC_ARN": notices.topic_arn} if notices is not None else {}),
            },
            timeout=seconds(30),
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        self._allow(bound, notices)
        total = len(steps) * int(wait.to_seconds())
        self.workflow = Workflow(
            self,
            "Workflow",
            definition=self._definition(list(steps), int(wait.to_seconds())),
            # Looks and retries take their time; one that hangs raises an alarm.
            timeout=seconds(2 * total + 3600),
            encryption_key=encryption_key,
            alarm_topic=alarm_topic,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this transition; none without ``alarm_topic``."""
        return alarms_of(self)

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a role or function start the transition, and the way back."""
        return self.workflow.grant_start(grantee)

    def _definition(self, steps: Sequence[int], interval: int) -> sfn.IChainable:
        """Return the states: for each step move, then wait and look until it is over; whatever fails goes back."""
        pause = max(min(interval, _SHORTEST_PAUSE), -(-interval // _LOOKS_A_STEP))
        failed = sfn.Fail(self, "Failed", error_path="$.error.Error", cause_path="$.error.Cause")
        back = self._invoke("TakeBack", {"action": "back", "error": sfn.JsonPath.object_at("$.error")})
        # Nobody is at the replacement that is not well, as soon as the service answers again.
        add_retry(back, max_attempts=20)
        back.next(failed)
        following: sfn.IChainable = sfn.Succeed(self, "Complete")
        for before, share in reversed(list(zip([0, *steps], steps, strict=False))):
            following = self._step(share, before, pause, back, following)
        asked = self._invoke("TakeBackOnRequest", {"action": "back"})
        add_retry(asked, max_attempts=20)
        asked.next(sfn.Succeed(self, "Back"))
        wants_back = sfn.Condition.and_(
            sfn.Condition.is_present("$.back"), sfn.Condition.boolean_equals("$.back", value=True)
        )
        return sfn.Choice(self, "Begin").when(wants_back, asked).otherwise(following)

    def _step(
        self, share: int, before: int, pause: int, back: tasks.LambdaInvoke, following: sfn.IChainable
    ) -> sfn.IChainable:
        wait = sfn.Wait(self, f"Wait{share}", time=sfn.WaitTime.duration(seconds(pause)))
        move = self._invoke(f"Move{share}", {"action": "move", "share": share, "after": before})
        until = sfn.JsonPath.number_at("$.until")
        look = self._invoke(f"Look{share}", {"action": "look", "share": share, "until": until})
        for task in (move, look):
            add_retry(task, never=_LASTING)
            task.add_catch(back, errors=["States.ALL"], result_path="$.error")
        is_over = sfn.Choice(self, f"Over{share}").when(sfn.Condition.boolean_equals("$.over", value=True), following)
        move.next(wait)
        wait.next(look)
        look.next(is_over.otherwise(wait))
        return move

    def _invoke(self, name: str, payload: dict[str, object]) -> tasks.LambdaInvoke:
        return tasks.LambdaInvoke(
            self,
            name,
            lambda_function=self.function,
            payload=sfn.TaskInput.from_object(payload),
            payload_response_only=True,
            result_path=sfn.JsonPath.DISCARD if payload["action"] == "back" else "$",
            retry_on_service_exceptions=False,
        )

    def _allow(self, bound: Bound, topic: "sns.ITopic | None") -> None:
        for statement in bound.statements:
            self.function.add_to_role_policy(statement)
        actions = ["cloudwatch:DescribeAlarms", *bound.describes]
        looking = iam.Policy(self, "Describe", statements=[iam.PolicyStatement(actions=actions, resources=["*"])])
        self.function.role.attach_inline_policy(looking)  # type: ignore[union-attr]  # our functions always have a role
        reason = (
            "Only a permission for * describes composite alarms, and rules are described without a resource to name "
            "(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/permissions-reference-cw.html)."
        )
        acknowledge(looking, "AwsSolutions-IAM5[Resource::*]", reason)
        if topic is not None:
            # Not topic.grant_publish(): it would grant kms:GenerateDataKey*, of which SNS needs one action.
            iam.Grant.add_to_principal(grantee=self.function, actions=["sns:Publish"], resource_arns=[topic.topic_arn])
            if topic.master_key is not None:
                topic.master_key.grant(self.function, *USE_KEY)

    def _check(self, alarms: "Sequence[cloudwatch.IAlarm]", steps: Sequence[int], interval: Duration) -> None:
        if not 1 <= len(alarms) <= _MOST_ALARMS:
            fix = f"Give 1 to {_MOST_ALARMS}; a composite alarm stands for many"
            raise InvalidOptionError(self, "alarms", f"has {len(alarms)} alarms", fix)
        check_no_repetition(self, "alarms", [path_of(alarm) for alarm in alarms])  # type: ignore[arg-type]  # constructs
        if not steps or len(steps) > _MOST_STEPS:
            fix = f"Give 1 to {_MOST_STEPS}, such as 10, 50 and 100 ({_HISTORY})"
            raise InvalidOptionError(self, "steps", f"has {len(steps)} steps", fix)
        for share in steps:
            check_range(self, "steps", share, low=1, high=EVERYBODY, unit="percent", source=_HISTORY)
        if list(steps) != sorted(set(steps)) or steps[-1] != EVERYBODY:
            fix = "Give larger and larger ones, the last one 100"
            raise InvalidOptionError(self, "steps", f"is {list(steps)}", fix)
        check_duration(self, "interval", interval, low=seconds(10), high=days(1), source=_ALARM_PERIODS)
