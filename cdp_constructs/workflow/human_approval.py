"""HumanApproval: a step of a workflow that waits for a person's decision."""

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, kms, sns
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_TABLE_KEY
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minute
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.tables import add_table
from cdp_constructs.core.validation import check_duration

__all__ = ["HumanApproval"]

_WAITING = "https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token"
# Tokens are deleted after this much more than the longest wait: an answer that comes late is told so.
_KEPT_LONGER = days(7)


@checks_options
class HumanApproval(Construct):
    """Makes steps of Standard workflows that wait until a person approves or rejects, or until time is up.

    CDP: none; the wait for a callback with a task token. A step puts its token and a question into a table, without a
    function; ``answer_function`` takes a decision to the step, once. Who decides never sees a token::

        approval = HumanApproval(self, "Approval", expires_after=Duration.days(3))
        ask = approval.ask("Approve", question={"order": "{% $states.input.order %}"})
        ask.add_catch(cancel, errors=["Rejected", "States.HeartbeatTimeout"], result_path="$.error")
        approval.grant_answer(back_office_function)
    """

    table: dynamodb.ITable
    """Holds what waits: ``id``, ``question``, and the token."""
    answer_function: lambda_.Function
    """Takes ``{"id": …, "decision": "approve", "reject" or "extend", "by": …, "comment": …}``."""
    encryption_key: "kms.IKey | None"
    """The given customer-managed key; None where AWS encrypts with keys of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        expires_after: Duration | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the table and the function.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            expires_after: How long a step waits before it fails with ``States.HeartbeatTimeout``, 1 minute to 1 year;
                ``extend`` starts it anew. The workflow's own timeout must be longer. Default: 1 day.
            encryption_key: A customer-managed key for table and logs. Default: keys of AWS.
            alarm_topic: Receives the alarm for decisions that could not be delivered. Default: no alarm.
            log_retention: How long the function's logs are kept. Default: 3 months.
            removal_policy: What happens to table and logs when the stack is deleted. Default: kept, and the table
                protected from deletion.

        Raises:
            InvalidOptionError: for a time out of range.
        """
        super().__init__(scope, construct_id)
        self._expires_after = expires_after or days(1)
        check_duration(self, "expires_after", self._expires_after, low=minute(), high=days(365), source=_WAITING)
        self.encryption_key = encryption_key
        self.table = add_table(
            self, "Table", partition_key="id", encryption_key=encryption_key, removal_policy=removal_policy
        )
        self.answer_function = add_function(
            self,
            "AnswerFunction",
            handler="workflow/answer",
            description="Takes decisions to the workflows that wait for them",
            invocation=Invocation.REQUEST,
            publishes_metrics=True,
            environment={"TABLE": self.table.table_name},
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        self._allow_answering()
        add_alarm(
            self,
            "AnswerErrorsAlarm",
            self.answer_function.metric_errors(period=minute()),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: decisions could not be taken to their workflows. The caller got the error "
            "and can send them again until the step expires. Look at the function's log.",
        )

    def ask(self, construct_id: str, *, question: Mapping[str, str] | None = None) -> "sfn.TaskStateBase":
        """Make a step that waits. Its id is ``<name of the execution>.<construct_id>``, in a map with ``.<index>``.

        The step adds the decision to its input, which must be an object: ``{"approval": {"by": …, "comment": …}}``.
        Tell the person in a step before it.

        Args:
            construct_id: Name of the state.
            question: What is kept beside the token for whoever decides; texts may be JSONata, such as
                ``{% $states.input.order %}``. Default: nothing.
        """
        # Imported here: the tasks load half of the CDK.
        from aws_cdk import aws_stepfunctions_tasks as tasks

        lasts = int(self._expires_after.to_seconds() + _KEPT_LONGER.to_seconds())
        in_a_map = "$exists($states.context.Map.Item.Index)"
        key = f"$states.context.Execution.Name & {json.dumps(f'.{construct_id}')}"
        index = f"({in_a_map} ? '.' & $string($states.context.Map.Item.Index) : '')"
        item: dict[str, Any] = {
            "id": {"S": f"{{% {key} & {index} %}}"},
            "token": {"S": "{% $states.context.Task.Token %}"},
            "expires_at": {"N": f"{{% $string($floor($millis() / 1000) + {lasts}) %}}"},
        }
        if question is not None:
            item["question"] = {"M": {name: {"S": value} for name, value in question.items()}}
        return tasks.CallAwsService.jsonata(
            self,
            construct_id,
            service="dynamodb",
            action="putItem",
            iam_action="dynamodb:PutItem",
            iam_resources=[self.table.table_arn],
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
            heartbeat_timeout=sfn.Timeout.duration(self._expires_after),
            parameters={"TableName": self.table.table_name, "Item": item},
            outputs="{% $merge([$states.input, {'approval': $states.result}]) %}",
            additional_iam_statements=self._key_statements(),
        )

    def grant_answer(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a role or function decide."""
        # Not grant_invoke(): it would also allow every version and alias, of which there are none.
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["lambda:InvokeFunction"], resource_arns=[self.answer_function.function_arn]
        )

    def metric_taken(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Decisions that reached their step. Sum over 5 minutes by default."""
        return function_metric(self.answer_function, "TakenDecisions", period=period)

    def metric_closed(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Decisions that came too late. Sum over 5 minutes by default."""
        return function_metric(self.answer_function, "ClosedDecisions", period=period)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarm, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def _key_statements(self) -> list[iam.PolicyStatement]:
        if self.encryption_key is None:
            return []
        return [iam.PolicyStatement(actions=list(USE_TABLE_KEY), resources=[self.encryption_key.key_arn])]

    def _allow_answering(self) -> None:
        self.answer_function.add_to_role_policy(
            iam.PolicyStatement(actions=["dynamodb:DeleteItem", "dynamodb:GetItem"], resources=[self.table.table_arn])
        )
        if self.encryption_key is not None:
            self.encryption_key.grant(self.answer_function, *USE_TABLE_KEY)
        allow_on_prefixes(
            self.answer_function,
            "Answers",
            [iam.PolicyStatement(actions=[f"states:SendTask{name}" for name in _ANSWERS], resources=["*"])],
            prefixes=["*"],
            reason="The actions have no resource (service authorization reference of Step Functions): what they reach "
            "is decided by the token, which only this function can read.",
        )


_ANSWERS = ("Failure", "Heartbeat", "Success")
