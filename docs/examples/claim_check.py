"""A step reads a price list of a megabyte, and the next one sums it up; the state has a reference to the rows."""

from pathlib import Path

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions_tasks as tasks

from cdp_constructs import ClaimCheck, Workflow, add_retry


def build(stack: Stack) -> ClaimCheck:
    """Add the workflow and the place of its payloads to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    payloads = ClaimCheck(stack, "Payloads")

    def step(name: str) -> tasks.LambdaInvoke:
        function = lambda_.Function(
            stack,
            f"{name}Function",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"index.{name.lower()}",
            code=lambda_.Code.from_asset(str(Path(__file__).parent / "price_list")),
            memory_size=512,
            timeout=Duration.seconds(30),
            tracing=lambda_.Tracing.ACTIVE,
        )
        payloads.share_with(function, write_only=name == "Read", read_only=name == "Total")
        invoke = tasks.LambdaInvoke(
            stack, name, lambda_function=function, payload_response_only=True, retry_on_service_exceptions=False
        )
        return add_retry(invoke)

    workflow = Workflow(stack, "PriceList", definition=step("Read").next(step("Total")), alarm_topic=operators)
    CfnOutput(stack, "Workflow", value=workflow.state_machine.state_machine_arn)
    return payloads
