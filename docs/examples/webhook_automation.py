"""Issues of a tracker become tickets: verified, each once, in the order of its events."""

from pathlib import Path

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm

from cdp_constructs import QueueConsumer, WebhookAutomation, WebhookSource

POWERTOOLS = "/aws/service/powertools/python/arm64/python3.14/latest"


def build(stack: Stack) -> WebhookAutomation:
    """Add the tickets, the function that keeps them, and the webhook in front of it."""
    tickets = dynamodb.TableV2(
        stack,
        "Tickets",
        partition_key=dynamodb.Attribute(name="ticket", type=dynamodb.AttributeType.STRING),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    powertools = ssm.StringParameter.value_for_string_parameter(stack, POWERTOOLS)
    handler = lambda_.Function(
        stack,
        "Handler",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "ticket_handler"), exclude=["**/__pycache__"]),
        layers=[lambda_.LayerVersion.from_layer_version_arn(stack, "Powertools", powertools)],
        environment={"TICKETS": tickets.table_name},
    )
    handler.add_to_role_policy(iam.PolicyStatement(actions=["dynamodb:PutItem"], resources=[tickets.table_arn]))
    webhook = WebhookAutomation(
        stack,
        "Tracker",
        consumer=QueueConsumer(handler),
        source=WebhookSource.hmac_sha256(path="/webhooks/tracker", group_by="/issue/id"),
    )
    CfnOutput(stack, "WebhookUrl", value=str(webhook.url))
    CfnOutput(stack, "SecretArn", value=webhook.secret.secret_arn)
    return webhook
