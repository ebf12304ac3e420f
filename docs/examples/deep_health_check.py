"""A shop's Region tells whether it can take orders: it needs its table, and would rather have its mail queue."""

from aws_cdk import Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdp_constructs import DeepHealthCheck


def build(stack: Stack) -> DeepHealthCheck:
    """Add the health routes of a shop's API to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    api = apigatewayv2.HttpApi(stack, "Shop")
    orders = dynamodb.TableV2(
        stack, "Orders", partition_key=dynamodb.Attribute(name="order_id", type=dynamodb.AttributeType.STRING)
    )
    mails = sqs.Queue(stack, "Mails", enforce_ssl=True)

    health = DeepHealthCheck(stack, "Health", api=api, alarm_topic=operators)
    health.add_table(orders, name="orders", probe_key={"order_id": "health-check"})
    health.add_queue(mails, name="mails", hard=False)
    return health
