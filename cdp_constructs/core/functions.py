"""One way to make a Lambda function: arm64, current Python, Powertools, tracing, its own role, kept logs."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.assets import handler_code, handler_folder
from cdp_constructs.core.correlation import correlate
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.metrics import NAMESPACE
from cdp_constructs.core.once import once
from cdp_constructs.core.paths import node_of, stack_of
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.validation import InvalidOptionError

RUNTIME = lambda_.Runtime.PYTHON_3_14
ARCHITECTURE = lambda_.Architecture.ARM_64
RETRIES = 2
"""Of an asynchronous invocation that fails, the most that Lambda makes."""
_LAMBDA = iam.ServicePrincipal("lambda.amazonaws.com")

# AWS publishes Powertools as a layer in every Region and names it by a public parameter: nothing is bundled at synth.
# The layer also carries pydantic, the X-Ray SDK and cryptography.
POWERTOOLS_VERSION = "3.37.0"
_METRICS = {
    "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
    # Powertools warns of every call that counted nothing, which is the usual one.
    "PYTHONWARNINGS": "ignore:No application metrics to publish",
}
_POWERTOOLS_PARAMETER = "/aws/service/powertools/python/{architecture}/{runtime}/{version}"
_POWERTOOLS_RUNTIMES = ("python3.10", "python3.11", "python3.12", "python3.13", "python3.14")


class Invocation(Enum):
    """Who calls a function, and so where its failures go. The value is the reason for having no dead-letter target."""

    REQUEST = "The caller waits for the answer and gets the error; nothing is queued that could be lost."
    EVENT_SOURCE = "Lambda polls the source; failed messages stay in it and move to its own dead-letter queue."
    EVENT = ""


def add_function(
    scope: Construct,
    construct_id: str,
    *,
    handler: str | Path,
    description: str,
    invocation: Invocation,
    shares: Sequence[str] = (),
    publishes_metrics: bool = False,
    correlates: bool = False,
    environment: dict[str, str] | None = None,
    layers: Sequence[lambda_.ILayerVersion] = (),
    memory_size: int = 256,
    timeout: Duration | None = None,
    reserved_concurrency: int | None = None,
    dead_letter_queue: sqs.IQueue | None = None,
    log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
    log_encryption_key: kms.IKey | None = None,
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
) -> lambda_.Function:
    """Add a function with a role that may write its own logs and traces and nothing else.

    Args:
        scope: The pattern that needs it.
        construct_id: Id of the function inside ``scope``; its role is ``<construct_id>Role``, its log group
            ``<construct_id>Logs``.
        handler: ``<family>/<name>`` for ``cdp_constructs/<family>/handlers/<name>``, or the path of another folder. Its
            ``index.py`` defines ``handler(event, context)``.
        description: What it does, as shown in the console.
        invocation: Who calls it; ``EVENT`` (asynchronous) requires ``dead_letter_queue``.
        shares: Folders beside the handler's that it imports, as in ``from ..domain import rooms``.
        publishes_metrics: Whether the handler publishes metrics with Powertools; read them with ``function_metric``.
        correlates: Whether the handler imports the module ``correlation``, so that its log lines have the id of the
            item that they are about.
        environment: Variables beside the Powertools ones.
        layers: Layers beside the Powertools one, for packages with compiled code.
        memory_size: MB, 128 to 10,240; CPU grows with it.
        timeout: Up to 15 minutes; 10 seconds by default.
        reserved_concurrency: Upper bound of concurrent executions, taken out of the account's pool (1,000, soft).
        dead_letter_queue: Receives the event and the error after the two retries of an asynchronous call.
        log_retention: How long logs are kept.
        log_encryption_key: A customer-managed key for the logs, which CloudWatch Logs is then allowed to use; by
            default it encrypts with its own.
        removal_policy: What happens to the log group when the stack is deleted.

    Raises:
        ValueError: when an asynchronous function has no place for its failures, or the handler folder lacks the module.
    """
    folder = handler_folder(handler) if isinstance(handler, str) else handler
    if not (folder / "index.py").is_file():
        message = f"{scope.node.path}/{construct_id}: handler {str(folder)!r} has no index.py; name another"
        raise ValueError(message)
    if invocation is Invocation.EVENT and dead_letter_queue is None:
        message = f"{scope.node.path}/{construct_id}: an asynchronous function needs dead_letter_queue for its failures"
        raise ValueError(message)

    log_group = add_log_group(
        scope,
        f"{construct_id}Logs",
        log_retention=log_retention,
        encryption_key=log_encryption_key,
        removal_policy=removal_policy,
    )
    stack = stack_of(scope)
    role = iam.Role(
        scope,
        f"{construct_id}Role",
        assumed_by=_LAMBDA,
        managed_policies=[_tracing_policy(stack)],
    )
    log_group.grant_write(role)
    function = lambda_.Function(
        scope,
        construct_id,
        description=description,
        runtime=RUNTIME,
        architecture=ARCHITECTURE,
        handler=f"{folder.parent.name}.{folder.name}.index.handler",
        code=handler_code(folder, shares=shares),
        layers=[powertools_layer(stack), *layers],
        role=role,
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
        memory_size=memory_size,
        timeout=timeout or seconds(10),
        reserved_concurrent_executions=reserved_concurrency,
        environment={
            "POWERTOOLS_SERVICE_NAME": construct_id,
            **(_METRICS if publishes_metrics else {}),
            **(environment or {}),
        },
    )
    resource: lambda_.CfnFunction = node_of(function).default_child  # type: ignore[assignment]  # its only L1
    resource.tracing_config = lambda_.CfnFunction.TracingConfigProperty(mode="Active")
    if dead_letter_queue is not None:
        _keep_failures(function, dead_letter_queue)
    if correlates:
        correlate(function)
    _acknowledge(function, invocation)
    return function


def _keep_failures(function: lambda_.Function, queue: sqs.IQueue) -> None:
    """Let Lambda send failed asynchronous invocations to a queue, with the role of the function."""
    key = queue.encryption_master_key
    if key is None:
        # Imported here: only asynchronous functions have destinations.
        from aws_cdk import aws_lambda_destinations as destinations

        function.configure_async_invoke(on_failure=destinations.SqsDestination(queue), retry_attempts=RETRIES)
        return
    send_failures(function, "FailedInvocations", function, queue, encryption_key=key)


def send_failures(
    scope: Construct,
    construct_id: str,
    function: lambda_.IFunction,
    queue: sqs.IQueue,
    *,
    encryption_key: kms.IKey | None,
    qualifier: str = "$LATEST",
    retry_attempts: int = RETRIES,
    max_event_age: Duration | None = None,
) -> lambda_.CfnEventInvokeConfig:
    """Let Lambda send failed asynchronous invocations to a queue, with the role of the function.

    Args:
        scope: The pattern, or the function.
        construct_id: Id of the settings inside ``scope``.
        function: The function.
        queue: Receives the event and the error.
        encryption_key: The customer-managed key of the queue, if it has one.
        qualifier: The alias that is invoked, or the newest code.
        retry_attempts: Of an invocation that fails, 0 to 2.
        max_event_age: How long an event may wait. Default: Lambda's, 6 hours.
    """
    # SqsDestination() would grant kms:GenerateDataKey* and kms:ReEncrypt*, of which SQS needs one action.
    iam.Grant.add_to_principal(grantee=function, actions=["sqs:SendMessage"], resource_arns=[queue.queue_arn])
    if encryption_key is not None:
        encryption_key.grant(function, *USE_KEY)
    destination = lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queue.queue_arn)
    return lambda_.CfnEventInvokeConfig(
        scope,
        construct_id,
        function_name=function.function_name,
        qualifier=qualifier,
        maximum_retry_attempts=retry_attempts,
        maximum_event_age_in_seconds=max_event_age.to_seconds() if max_event_age is not None else None,
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(on_failure=destination),
    )


@once
def powertools_layer(stack: Stack) -> lambda_.ILayerVersion:
    """Return the public Powertools layer of the stack's Region, one per stack."""
    return _public_layer(stack, "PowertoolsLayer", ARCHITECTURE, RUNTIME)


def add_powertools(construct: Construct, function: lambda_.Function) -> None:
    """Give a function the public Powertools layer for its runtime and architecture, unless it has it.

    Args:
        construct: The pattern that needs it, for messages.
        function: A Python function.

    Raises:
        InvalidOptionError: for a version of Python that Powertools has no layer for.
    """
    runtime, architecture, stack = function.runtime, function.architecture, stack_of(function)
    if runtime.name not in _POWERTOOLS_RUNTIMES:
        fix = f"Use one of {', '.join(_POWERTOOLS_RUNTIMES)}, for which there is a layer of Powertools"
        raise InvalidOptionError(construct, "function", f"is {function.node.path}, which runs {runtime.name}", fix)
    if (runtime.name, architecture.name) == (RUNTIME.name, ARCHITECTURE.name):
        layer = powertools_layer(stack)
    else:
        layer_id = f"PowertoolsLayer-{runtime.name}-{architecture.name}"
        layer = node_of(stack).try_find_child(layer_id) or _public_layer(stack, layer_id, architecture, runtime)  # type: ignore[assignment]  # made below
    resource: lambda_.CfnFunction = node_of(function).default_child  # type: ignore[assignment]  # its only L1
    if stack.resolve(layer.layer_version_arn) not in (stack.resolve(resource.layers) or []):
        function.add_layers(layer)


def _public_layer(
    stack: Stack, construct_id: str, architecture: lambda_.Architecture, runtime: lambda_.Runtime
) -> lambda_.ILayerVersion:
    name = _POWERTOOLS_PARAMETER.format(
        architecture=architecture.name, runtime=runtime.name, version=POWERTOOLS_VERSION
    )
    arn = ssm.StringParameter.value_for_string_parameter(stack, name)
    return lambda_.LayerVersion.from_layer_version_arn(stack, construct_id, arn)


@once
def _tracing_policy(stack: Stack) -> iam.ManagedPolicy:
    """Return what lets functions send traces, one policy per stack.

    Function(tracing=ACTIVE) would put the permission into each role's own policy, and an acknowledgment of its * would
    then hide any other * that a user adds there. In a policy of its own it is reviewed once and covers only itself.
    """
    policy = iam.ManagedPolicy(
        stack,
        "FunctionTracing",
        description="Lets functions send traces to X-Ray",
        statements=[
            iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"])
        ],
    )
    reason = "X-Ray has no resources to name: both actions accept only * (service authorization reference of X-Ray)."
    acknowledge(policy, "AwsSolutions-IAM5[Resource::*]", reason)
    return policy


def _acknowledge(function: lambda_.Function, invocation: Invocation) -> None:
    if invocation is Invocation.EVENT:
        reason = "Failed asynchronous calls go to the on-failure destination, which also carries the error."
        acknowledge(function, "Serverless-LambdaDLQ", reason)
        return
    acknowledge(function, ["Serverless-LambdaDLQ", "Serverless-LambdaAsyncFailureDestination"], invocation.value)
