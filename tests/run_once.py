"""Functions around which the module ``run_once`` is tried, and what it has counted in the embedded cloud."""

from datetime import timedelta

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from cdp_constructs.local import LocalCloud

__all__ = ["counted", "function_with_ledger"]


def function_with_ledger(
    stack: Stack, name: str, code: str, *, keys: tuple[str, str], actions: list[str]
) -> tuple[lambda_.Function, dynamodb.TableV2]:
    """Add a function with 10 seconds, and a table in which it says what it does, named by ``LEDGER``.

    Args:
        stack: Where.
        name: Id of the function.
        code: Its code; ``handler`` is called.
        keys: Partition key and sort key of the table, both strings.
        actions: What the function may do with the table.
    """
    partition_key, sort_key = (dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING) for key in keys)
    ledger = dynamodb.TableV2(
        stack,
        f"{name}Ledger",
        partition_key=partition_key,
        sort_key=sort_key,
        removal_policy=RemovalPolicy.DESTROY,
    )
    function = lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_inline(code),
        timeout=Duration.seconds(10),
        environment={"LEDGER": ledger.table_name},
        log_group=logs.LogGroup(stack, f"{name}Logs"),
        logging_format=lambda_.LoggingFormat.JSON,
    )
    ledger.grant(function, *actions)
    return function, ledger


def counted(cloud: LocalCloud, function: str, metric: str, *, region: str = "us-east-1") -> float:
    """Return the sum of a metric of a function in the last hour.

    Args:
        cloud: The embedded cloud.
        function: Name of the function.
        metric: Such as ``RepeatedRequests``.
        region: Its Region.
    """
    dimensions = {"function_name": function, "service": "run_once"}
    now = cloud.metrics.now()
    answer = cloud.client("cloudwatch", region).get_metric_statistics(
        Namespace="CdpConstructs",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))
