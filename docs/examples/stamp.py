"""A server of which there must be one: what it counts is in a table, its settings are read whenever it starts."""

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm

from cdp_constructs import ServiceContainer, ServiceNetwork, Stamp

SERVER = Path(__file__).parent / "shop_server"
CHECK = "import urllib.request as web; web.urlopen('http://localhost:8080/health/deep', timeout=4)"


def build(stack: Stack) -> Stamp:
    """Add the server, its table and its settings to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    network = ServiceNetwork(stack, "Network")
    stock = dynamodb.TableV2(
        stack,
        "Stock",
        partition_key=dynamodb.Attribute(name="item", type=dynamodb.AttributeType.STRING),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    settings = ssm.StringParameter(stack, "Settings", string_value="first")
    counter = Stamp(
        stack,
        "Counter",
        container=ServiceContainer(
            ecs.ContainerImage.from_asset(str(SERVER)),
            environment={"STOCK": stock.table_name},
            secrets={"RELEASE": ecs.Secret.from_ssm_parameter(settings)},
        ),
        health_check_command=["python", "-c", CHECK],
        vpc=network.vpc,
        vpc_subnets=network.service_subnets,
        replaced_within=Duration.minutes(3),
        alarm_topic=operators,
    )
    stock.grant_read_write_data(counter.task_role)
    return counter
