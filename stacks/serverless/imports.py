"""Imports: the way of a price list, from the message to the tills."""

from typing import Any

from aws_cdk import Duration, TimeZone
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from cdp_constructs import (
    ClaimCheck,
    HumanApproval,
    IdempotentFunction,
    SagaStep,
    ScheduledFunction,
    SnsSqsFanout,
    Workflow,
    add_retry,
    add_saga,
    for_each,
)
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.periods import days, seconds
from stacks.serverless import HANDLERS
from stacks.serverless.approvals import Approvals
from stacks.serverless.permissions import let_use_items

__all__ = ["Imports"]

_NOT_DECIDED = ["Rejected", "States.HeartbeatTimeout"]
# What another try does not heal: the tills refuse a price.
_NEVER = ["PriceRefusedError"]
# Megabytes of memory: a list has up to 50,000 rows, which are there as text and as rows.
_FOR_LISTS = 512
# By what the log of each step names the list.
_ABOUT = {"traceparent": sfn.JsonPath.string_at("$.traceparent")}


class Imports(Construct):
    """A Standard workflow: no step may run twice, a person may take days, and what failed goes on where it stopped.

    Attributes:
        workflow: Takes a list, by ``intake``.
        intake: The queue of lists.
        payloads: Where the rows are, which are too many for a state.
        approvals: How a person answers.
        announced: Tells the shops once of each list.
        reminder: Reminds the buyers every morning.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITable,
        messages: SnsSqsFanout,
        approval_hours: int,
        alarm_topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.payloads = ClaimCheck(self, "Payloads")
        approval = HumanApproval(
            self, "Approval", expires_after=Duration.hours(approval_hours), alarm_topic=alarm_topic
        )
        self.approvals = Approvals(self, "Approvals", table=table, approval=approval, alarm_topic=alarm_topic)
        publishing = self._function(
            "publish", "Makes the prices of a list hold, or takes them back", memory_size=_FOR_LISTS
        )
        let_use_items(publishing, table, ["CURRENT"], "DeleteItem", "GetItem", "UpdateItem")
        let_use_items(publishing, table, ["VERSION"], "BatchWriteItem", "Query")
        undone = self._saga(table, publishing)
        published = undone.next(self._announce(messages, alarm_topic))
        approved = self._ask(table, messages, approval, published, self._discard(publishing))
        decided = (
            sfn.Choice(self, "Rises")
            .when(sfn.Condition.number_greater_than("$.checks.prices.rises", 0), approved)
            .otherwise(published)
        )
        start = self._read().next(self._check(table)).next(self._save(table)).next(decided)
        self.workflow = Workflow(
            self,
            "Workflow",
            definition=start,
            # A question waits, and somebody corrects what failed.
            timeout=Duration.hours(approval_hours + days(5).to_hours()),
            alarm_topic=alarm_topic,
        )
        self.intake = self.workflow.start_on_message("Lists", payloads=self.payloads)
        self._remind(messages, alarm_topic)

    def _read(self) -> sfn.Chain:
        function = self._function(
            "read", "Reads a price list, and leaves out the rows that are none", memory_size=_FOR_LISTS
        )
        self.payloads.share_with(function)
        read = self._step(
            "Read",
            function,
            {"list": sfn.JsonPath.object_at("$"), "version": sfn.JsonPath.string_at("$$.Execution.Name")},
            result_path="$",
        )
        return sfn.Chain.start(add_retry(read, never=["NoRowError"]))

    def _check(self, table: dynamodb.ITable) -> sfn.Parallel:
        function = self._function(
            "checks", "Compares a list with the prices that hold, or looks at its names", memory_size=_FOR_LISTS
        )
        self.payloads.share_with(function, read_only=True)
        let_use_items(function, table, ["CURRENT", "VERSION"], "GetItem", "Query")
        both = sfn.Parallel(
            self,
            "Check",
            result_path="$.checks",
            result_selector={
                "prices": sfn.JsonPath.object_at("$[0]"),
                "names": sfn.JsonPath.object_at("$[1]"),
            },
        )
        for name in ("Prices", "Names"):
            payload = {
                "check": name.lower(),
                "supplier": sfn.JsonPath.string_at("$.supplier"),
                **_ABOUT,
                "rows": sfn.JsonPath.object_at("$.rows"),
            }
            both.branch(add_retry(self._step(f"Check{name}", function, payload, result_path="$")))
        return both

    def _save(self, table: dynamodb.ITable) -> sfn.Map | sfn.DistributedMap:
        function = self._function(
            "save", "Writes a part of a list into the table, where it does not hold yet", memory_size=_FOR_LISTS
        )
        self.payloads.share_with(function, read_only=True)
        let_use_items(function, table, ["VERSION"], "BatchWriteItem")
        save = self._step("SavePart", function, None, result_path="$")
        return for_each(
            self,
            "Save",
            step=add_retry(save),
            items_path="$.parts",
            item_selector={
                "supplier": sfn.JsonPath.string_at("$.supplier"),
                "version": sfn.JsonPath.string_at("$.version"),
                "rows": sfn.JsonPath.object_at("$.rows"),
                **_ABOUT,
                "part": sfn.JsonPath.object_at("$$.Map.Item.Value"),
            },
            max_concurrency=4,
            result_path="$.saved",
        )

    def _ask(
        self,
        table: dynamodb.ITable,
        messages: SnsSqsFanout,
        approval: HumanApproval,
        published: sfn.IChainable,
        discard: sfn.Chain,
    ) -> sfn.Chain:
        function = self._function("ask", "Sends a buyer the link by which to decide", APPROVAL_URL=self.approvals.url)
        function.add_environment("TOPIC", messages.topic.topic_arn)
        messages.grant_publish(function)
        let_use_items(function, table, ["CODE"], "PutItem")
        tell = self._step(
            "TellBuyer",
            function,
            {
                "approval": sfn.JsonPath.format("{}.Approve", sfn.JsonPath.string_at("$$.Execution.Name")),
                "supplier": sfn.JsonPath.string_at("$.supplier"),
                "count": sfn.JsonPath.number_at("$.count"),
                "checks": sfn.JsonPath.object_at("$.checks"),
                **_ABOUT,
            },
        )
        wait = approval.ask("Approve", question={"supplier": "{% $states.input.supplier %}"})
        decided_against = "{% $merge([$states.input, {'error': $states.errorOutput}]) %}"
        wait.add_catch(discard, errors=_NOT_DECIDED, outputs=decided_against)
        return sfn.Chain.start(add_retry(tell)).next(wait).next(published)

    def _discard(self, publishing: lambda_.Function) -> sfn.Chain:
        discard = add_retry(self._step("Discard", publishing, self._of_version("discard")))
        return sfn.Chain.start(discard).next(sfn.Succeed(self, "Refused"))

    def _saga(self, table: dynamodb.ITable, publishing: lambda_.Function) -> sfn.Chain:
        tills = self._function("tills", "Hands the prices to the tills, or takes them back", memory_size=_FOR_LISTS)
        self.payloads.share_with(tills, read_only=True)
        let_use_items(tills, table, ["TILLS"], "DeleteItem", "UpdateItem")
        let_use_items(tills, table, ["CURRENT"], "GetItem")
        with_rows = {**self._of_version("load"), "rows": sfn.JsonPath.object_at("$.rows")}
        return add_saga(
            self,
            "Undone",
            steps=[
                SagaStep(
                    do=add_retry(self._step("Publish", publishing, self._of_version("publish"))),
                    undo=self._step("Withdraw", publishing, self._of_version("withdraw")),
                ),
                SagaStep(
                    do=add_retry(self._step("LoadTills", tills, with_rows), never=_NEVER),
                    undo=self._step("RestoreTills", tills, self._of_version("restore")),
                ),
            ],
        )

    def _announce(self, messages: SnsSqsFanout, alarm_topic: sns.ITopic) -> sfn.TaskStateBase:
        """Add the step behind the saga: prices that are at the tills are not taken back because a message failed."""
        function = self._function("announce", "Tells the shops which prices hold", TOPIC=messages.topic.topic_arn)
        messages.grant_publish(function)
        # A message cannot be taken back, nor sent on a condition as the other steps write.
        self.announced = IdempotentFunction(
            self,
            "AnnouncedOnce",
            function=function,
            key_path="version",
            # Longer than an execution can be redriven.
            expires_after=days(60),
            alarm_topic=alarm_topic,
        )
        payload = {**self._of_version("announce"), "count": sfn.JsonPath.number_at("$.count")}
        return add_retry(self._step("Announce", function, payload))

    def _remind(self, messages: SnsSqsFanout, alarm_topic: sns.ITopic) -> None:
        """Add what reminds the buyers in the morning."""
        machine = self.workflow.state_machine.state_machine_arn
        function = self._function(
            "remind", "Reminds the buyers of lists that wait", TOPIC=messages.topic.topic_arn, STATE_MACHINE=machine
        )
        messages.grant_publish(function)
        function.add_to_role_policy(iam.PolicyStatement(actions=["states:ListExecutions"], resources=[machine]))
        self.reminder = ScheduledFunction(
            self,
            "Reminder",
            function=function,
            schedule=scheduler.ScheduleExpression.cron(
                week_day="MON-FRI", hour="9", minute="0", time_zone=TimeZone.ASIA_TOKYO
            ),
            table=self.announced.table,
            alarm_topic=alarm_topic,
        )

    def _function(self, name: str, description: str, *, memory_size: int = 256, **environment: str) -> lambda_.Function:
        return add_function(
            self,
            f"{name.capitalize()}Function",
            handler=HANDLERS / name,
            shares=["pricing"],
            description=description,
            invocation=Invocation.REQUEST,
            correlates=True,
            environment=environment,
            memory_size=memory_size,
            timeout=seconds(60),
        )

    def _step(
        self,
        construct_id: str,
        function: lambda_.Function,
        payload: dict[str, Any] | None,
        *,
        result_path: str = sfn.JsonPath.DISCARD,
    ) -> tasks.LambdaInvoke:
        return tasks.LambdaInvoke(
            self,
            construct_id,
            lambda_function=function,
            payload=None if payload is None else sfn.TaskInput.from_object(payload),
            payload_response_only=True,
            result_path=result_path,
            retry_on_service_exceptions=False,
        )

    @staticmethod
    def _of_version(action: str) -> dict[str, Any]:
        """Return what a step is told that does something with the list as a whole."""
        return {
            "action": action,
            "supplier": sfn.JsonPath.string_at("$.supplier"),
            "version": sfn.JsonPath.string_at("$.version"),
            **_ABOUT,
        }
