"""Functions of hand-written stacks; who has none imports nothing of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

# The code of functions is the same, whoever deploys it.
LIBRARY = Path(__file__).parents[3] / "cdp_constructs"
_POWERTOOLS = "/aws/service/powertools/python/arm64/python3.14/3.37.0"


def add_function(
    scope: Construct,
    construct_id: str,
    handler: str,
    description: str,
    *,
    environment: Mapping[str, str],
    layers: Sequence[lambda_.ILayerVersion] = (),
    memory_size: int = 256,
    timeout: Duration | None = None,
) -> lambda_.Function:
    """Add a function with a role, kept logs, tracing, and the layer of Powertools.

    Args:
        scope: What it belongs to.
        construct_id: Id of the function; the role and the log group have it too.
        handler: ``<family>/<name>`` of the code.
        description: What it does.
        environment: Its variables.
        layers: Layers beside that of Powertools.
        memory_size: MB.
        timeout: 10 seconds by default.
    """
    family, _, name = handler.partition("/")
    stack = Stack.of(scope)
    log_group = logs.LogGroup(
        scope, f"{construct_id}Logs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.RETAIN
    )
    role = iam.Role(
        scope,
        f"{construct_id}Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        managed_policies=[_tracing(stack)],
    )
    log_group.grant_write(role)
    return lambda_.Function(
        scope,
        construct_id,
        description=description,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(LIBRARY / family / "handlers" / name), exclude=["__pycache__"]),
        layers=[_powertools(stack), *layers],
        role=role,
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
        memory_size=memory_size,
        timeout=timeout or Duration.seconds(10),
        environment={"POWERTOOLS_SERVICE_NAME": construct_id, **environment},
    )


def _powertools(stack: Stack) -> lambda_.ILayerVersion:
    existing = stack.node.try_find_child("Powertools")
    if existing is not None:
        return existing  # type: ignore[return-value]  # made below
    arn = ssm.StringParameter.value_for_string_parameter(stack, _POWERTOOLS)
    return lambda_.LayerVersion.from_layer_version_arn(stack, "Powertools", arn)


def _tracing(stack: Stack) -> iam.IManagedPolicy:
    existing = stack.node.try_find_child("Tracing")
    if existing is not None:
        return existing  # type: ignore[return-value]  # made below
    return iam.ManagedPolicy(
        stack,
        "Tracing",
        statements=[
            iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"])
        ],
    )
