"""Quotes: what a basket costs, answered while the caller waits."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from cdp_constructs import ReleasedFunction, TrafficShift, Workflow, add_retry, for_each
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.periods import seconds
from stacks.serverless import HANDLERS
from stacks.serverless.permissions import let_use_items

__all__ = ["Quotes"]


class Quotes(Construct):
    """An Express workflow: short, often, and every step only reads, so that it may run twice.

    Attributes:
        workflow: Takes ``{"supplier": …, "basket": [{"sku": …, "quantity": …}]}``.
        release: Gives a new version of the function a tenth of the calls first, and none when it fails.
    """

    def __init__(self, scope: Construct, construct_id: str, *, table: dynamodb.ITable, alarm_topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        function = add_function(
            self,
            "PriceFunction",
            handler=HANDLERS / "price",
            shares=["pricing"],
            description="Answers what one article of a basket costs",
            invocation=Invocation.REQUEST,
            timeout=seconds(5),
        )
        let_use_items(function, table, ["CURRENT", "VERSION"], "GetItem")
        self.release = ReleasedFunction(
            self, "Release", function=function, traffic=TrafficShift.canary(10), alarm_topic=alarm_topic
        )
        price = tasks.LambdaInvoke(
            self,
            "Price",
            lambda_function=self.release.alias,
            payload_response_only=True,
            retry_on_service_exceptions=False,
        )
        lines = for_each(
            self,
            "Basket",
            step=add_retry(price, max_attempts=2, interval=seconds(1)),
            items_path="$.basket",
            item_selector={
                "supplier": sfn.JsonPath.string_at("$.supplier"),
                "line": sfn.JsonPath.object_at("$$.Map.Item.Value"),
            },
            max_concurrency=40,
            result_path="$.lines",
        )
        total = sfn.Pass.jsonata(
            self,
            "Total",
            outputs={
                "supplier": "{% $states.input.supplier %}",
                "lines": "{% $states.input.lines %}",
                "cents": "{% $sum($states.input.lines.total) %}",
            },
        )
        self.workflow = Workflow(
            self,
            "Workflow",
            definition=sfn.Chain.start(lines).next(total),
            state_machine_type=sfn.StateMachineType.EXPRESS,
            # The caller waits.
            timeout=seconds(20),
            alarm_topic=alarm_topic,
        )
