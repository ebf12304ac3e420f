"""An application is delivered to staging, in an account of its own, then to Ireland and then to Tokyo."""

from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Duration, Environment, Stack, Stage, aws_apigatewayv2, pipelines
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from cdp_constructs import DeliveryPipeline, DeliveryWave, SmokeTest

CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/8ad08a41-0d2e-4d0c-9e27-6a3c7d3c3a1f"
STAGING = Environment(account="444455556666", region="eu-west-1")
IRELAND = Environment(account="111122223333", region="eu-west-1")
TOKYO = Environment(account="111122223333", region="ap-northeast-1")


class OrderDesk(Stage):
    """The application, as it is deployed to one environment."""

    def __init__(self, scope: Construct, construct_id: str, *, release: str = "1", **options: Any) -> None:
        super().__init__(scope, construct_id, **options)
        stack = Stack(self, "OrderDesk")
        desk = lambda_.Function(
            stack,
            "Desk",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_asset(str(Path(__file__).parent / "order_desk")),
            environment={"RELEASE": release},
            timeout=Duration.seconds(10),
        )
        api = aws_apigatewayv2.HttpApi(stack, "Api", default_integration=HttpLambdaIntegration("Desk", desk))
        self.url = CfnOutput(stack, "Url", value=api.api_endpoint)


def build(stack: Stack) -> DeliveryPipeline:
    """Add the pipeline to a stack of the account and Region that it runs in."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))

    def wave(name: str, environment: Environment) -> DeliveryWave:
        desk = OrderDesk(stack, name, env=environment)
        answers = SmokeTest(["curl --fail --silent --show-error --retry 3 $URL"], outputs={"URL": desk.url})
        return DeliveryWave(name, [desk], smoke_test=answers)

    return DeliveryPipeline(
        stack,
        "Delivery",
        source=pipelines.CodePipelineSource.connection(
            "example/order-desk", "main", connection_arn=CONNECTION, code_build_clone_output=True
        ),
        staging=wave("Staging", STAGING),
        production=[wave("Ireland", IRELAND), wave("Tokyo", TOKYO)],
        alarm_topic=operators,
    )
