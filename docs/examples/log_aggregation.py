"""A shop asks what its services have logged, wherever they ran, by SQL."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

from cdp_constructs import LogAggregation

CODE = """
import json

def handler(event, context):
    print(json.dumps({"level": event.get("level", "INFO"), "order": event.get("order")}))
"""


def build(stack: Stack) -> LogAggregation:
    """Add two services and what collects their logs to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    aggregation = LogAggregation(stack, "Logs", alarm_topic=operators)
    for service in ("orders", "billing"):
        function = lambda_.Function(
            stack,
            service.capitalize(),
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(CODE),
            log_group=logs.LogGroup(stack, f"{service.capitalize()}Logs"),
            tracing=lambda_.Tracing.ACTIVE,
        )
        aggregation.add_log_group(function.log_group, service=service)
    aggregation.grant_read(iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal()))
    aggregation.add_saved_query(
        "LinesPerService",
        description="How many lines each service has logged today",
        sql="SELECT service, count(*) AS lines FROM lines WHERE day = date_format(current_timestamp, '%Y-%m-%d') "
        "GROUP BY service ORDER BY lines DESC",
    )
    return aggregation
