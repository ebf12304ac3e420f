"""What the stacks of the specimen share."""

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_

HANDLER = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello'}\n"


def function(stack: Stack, name: str, **options: object) -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(HANDLER),
        **options,  # type: ignore[arg-type]  # options of the test only
    )


def vpc(stack: Stack) -> ec2.Vpc:
    return ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=1)
