"""A function signs forms, another one checks what arrived and announces it."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_solutions_constructs.aws_lambda_s3 import LambdaToS3
from aws_solutions_constructs.aws_lambda_sns import LambdaToSns
from aws_solutions_constructs.aws_s3_sqs import S3ToSqs
from aws_solutions_constructs.aws_sqs_lambda import SqsToLambda

_HANDLERS = Path(__file__).parents[3] / "cdp_constructs/upload/handlers"


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:  # noqa: ARG001 - it has no alarms
    """Add the upload."""
    form = LambdaToS3(stack, f"{name}Form", lambda_function_props=_function("form"), bucket_permissions=["Put"])
    events = S3ToSqs(stack, f"{name}Events", existing_bucket_obj=form.s3_bucket)
    check = SqsToLambda(
        stack, f"{name}Check", existing_queue_obj=events.sqs_queue, lambda_function_props=_function("confirmation")
    )
    LambdaToSns(stack, f"{name}Accepted", existing_lambda_obj=check.lambda_function)


def _function(handler: str) -> lambda_.FunctionProps:
    return lambda_.FunctionProps(
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(_HANDLERS / handler), exclude=["__pycache__"]),
    )
