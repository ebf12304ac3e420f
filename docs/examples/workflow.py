"""An order is reserved and paid, undone when one of it fails, and then packed and announced in parallel."""

from pathlib import Path

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from cdp_constructs import SagaStep, Workflow, add_retry, add_saga


def build(stack: Stack) -> Workflow:
    """Add the workflow that fulfils orders to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    function = lambda_.Function(
        stack,
        "FulfilOrder",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "fulfil_order")),
        timeout=Duration.seconds(10),
        tracing=lambda_.Tracing.ACTIVE,
    )

    def step(name: str) -> tasks.LambdaInvoke:
        payload = {"step": name, "order": sfn.JsonPath.object_at("$.order")}
        return tasks.LambdaInvoke(
            stack,
            name.capitalize(),
            lambda_function=function,
            payload=sfn.TaskInput.from_object(payload),
            result_path=sfn.JsonPath.DISCARD,
            retry_on_service_exceptions=False,
        )

    bought = add_saga(
        stack,
        "Undone",
        steps=[
            SagaStep(do=add_retry(step("reserve"), never=["OutOfStockError"]), undo=step("release")),
            SagaStep(do=add_retry(step("charge")), undo=step("refund")),
        ],
    )
    sent = sfn.Parallel(stack, "Send", result_path=sfn.JsonPath.DISCARD)
    sent.branch(add_retry(step("pack")), add_retry(step("announce")))
    fulfil = Workflow(stack, "Fulfil", definition=bought.next(sent), alarm_topic=operators)
    placed = events.EventPattern(source=["shop"], detail_type=["order.placed"])
    fulfil.start_on_event("Placed", event_pattern=placed)
    CfnOutput(stack, "Workflow", value=fulfil.state_machine.state_machine_arn)
    return fulfil
