"""Sensors of a home and a factory, joining by claim; what they measure goes to a stream."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_sns as sns

from cdp_constructs import DeviceFleet, IotAccountSettings, TopicRule
from cdp_constructs.iot.sql import select
from cdp_constructs.iot.topics import BY_THING, TELEMETRY_FIELDS


def build(stack: Stack) -> DeviceFleet:
    """Add the fleet, and what the account has once."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))

    IotAccountSettings(stack, "Iot", alarm_topic=operators)
    fleet = DeviceFleet(
        stack,
        "Sensors",
        app="sensors",
        contexts=["home", "factory"],
        certificate_lifetime=Duration.days(180),
        alarm_topic=operators,
    )
    fleet.add_claim_certificate("Line1", certificate_arn="arn:aws:iot:us-east-1:111122223333:cert/0123456789abcdef")

    telemetry = TopicRule(
        stack,
        "Telemetry",
        sql=select(f"*, {TELEMETRY_FIELDS}", fleet.topics.telemetry_filter(kind="climate")),
        description="What the sensors measure",
        alarm_topic=operators,
    )
    measured = kinesis.Stream(stack, "Measured", encryption=kinesis.StreamEncryption.MANAGED)
    telemetry.add_stream(measured, partition_key=BY_THING)
    fleet.allow_basic_ingest(telemetry, kind="climate")
    return fleet
