"""Payments are charged once each, however often they are delivered."""

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

from cdp_constructs import IdempotentFunction


def build(stack: Stack) -> IdempotentFunction:
    """Add the function that charges payments, and its ledger, to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    ledger = dynamodb.TableV2(
        stack,
        "Ledger",
        partition_key=dynamodb.Attribute(name="payment", type=dynamodb.AttributeType.STRING),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    charge = lambda_.Function(
        stack,
        "Charge",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "charge")),
        log_group=logs.LogGroup(stack, "ChargeLogs", retention=logs.RetentionDays.THREE_MONTHS),
        logging_format=lambda_.LoggingFormat.JSON,
        environment={"LEDGER": ledger.table_name},
        timeout=Duration.seconds(10),
        tracing=lambda_.Tracing.ACTIVE,
    )
    ledger.grant(charge, "dynamodb:PutItem")
    return IdempotentFunction(
        stack,
        "Payments",
        function=charge,
        key_path="payment",
        validation_path="amount",
        expires_after=Duration.days(7),
        alarm_topic=operators,
    )
