"""One way to make a Lambda function: arm64, current Python, Powertools, tracing, its own role, kept logs."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from aws_cdk import Duration, IgnoreMode, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_resources
from cdp_constructs.core.cdk import s3
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.metrics import NAMESPACE
from cdp_constructs.core.once import once
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import seconds

_LIBRARY = Path(__file__).parent.parent
RUNTIME = lambda_.Runtime.PYTHON_3_14
ARCHITECTURE = lambda_.Architecture.ARM_64
# Of an asynchronous invocation, the most that Lambda makes.
_RETRIES = 2
_LAMBDA = iam.ServicePrincipal("lambda.amazonaws.com")

# AWS publishes Powertools as a layer in every Region and names it by a public parameter: nothing is bundled at synth.
# The layer also carries pydantic, the X-Ray SDK and cryptography.
POWERTOOLS_VERSION = "3.37.0"
_METRICS = {
    "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
    # Powertools warns of every call that counted nothing, which is the usual one.
    "PYTHONWARNINGS": "ignore:No application metrics to publish",
}
_POWERTOOLS_PARAMETER = f"/aws/service/powertools/python/arm64/python3.14/{POWERTOOLS_VERSION}"


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
    resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
    resource.tracing_config = lambda_.CfnFunction.TracingConfigProperty(mode="Active")
    if dead_letter_queue is not None:
        _keep_failures(function, dead_letter_queue)
    _acknowledge(function, invocation)
    return function


def _keep_failures(function: lambda_.Function, queue: sqs.IQueue) -> None:
    """Let Lambda send failed asynchronous invocations to a queue, with the role of the function."""
    key = queue.encryption_master_key
    if key is None:
        # Imported here: only asynchronous functions have destinations.
        from aws_cdk import aws_lambda_destinations as destinations

        function.configure_async_invoke(on_failure=destinations.SqsDestination(queue), retry_attempts=_RETRIES)
        return
    # SqsDestination() would grant kms:GenerateDataKey* and kms:ReEncrypt*, of which SQS needs one action.
    function.add_to_role_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn]))
    key.grant(function, *USE_KEY)
    destination = lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queue.queue_arn)
    lambda_.CfnEventInvokeConfig(
        function,
        "FailedInvocations",
        function_name=function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=_RETRIES,
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(on_failure=destination),
    )


def handler_folder(name: str) -> Path:
    """Return the folder of a handler of this library: ``upload/form`` is ``cdp_constructs/upload/handlers/form``."""
    family, _, folder = name.partition("/")
    return _LIBRARY / family / "handlers" / folder


def handler_code(folder: Path, *, shares: Sequence[str] = ()) -> lambda_.AssetCode:
    """Return a handler's folder as a package inside its parent's, so that it imports its own files relatively.

    In Lambda its modules have the name that they have here, less what stands above the parent folder. So no tool needs
    a search path, and files of two handlers may have one name.

    Args:
        folder: ``…/handlers/form`` becomes ``handlers/form`` in the asset; the function's handler is then
            ``handlers.form.index.handler``.
        shares: Folders beside it that belong to the asset too.
    """
    parent = folder.parent
    kept = [f"!/{parent.name}/{name}" for name in (folder.name, *shares)]
    return lambda_.Code.from_asset(
        str(parent.parent),
        exclude=["/*", f"!/{parent.name}", f"/{parent.name}/*", *kept, "__pycache__", "*.pyc"],
        ignore_mode=IgnoreMode.GIT,
    )


def layer_folder(name: str) -> Path:
    """Return the folder of a layer of this library: ``messaging/notices`` is ``…/messaging/layers/notices``."""
    family, _, folder = name.partition("/")
    return _LIBRARY / family / "layers" / folder


@once
def powertools_layer(stack: Stack) -> lambda_.ILayerVersion:
    """Return the public Powertools layer of the stack's Region, one per stack."""
    arn = ssm.StringParameter.value_for_string_parameter(stack, _POWERTOOLS_PARAMETER)
    return lambda_.LayerVersion.from_layer_version_arn(stack, "PowertoolsLayer", arn)


def consume_queue(
    scope: Construct,
    construct_id: str,
    function: lambda_.IFunction,
    queue: sqs.IQueue,
    *,
    batch_size: int = 10,
    max_concurrency: int = 10,
    batching_window: Duration | None = None,
) -> lambda_.EventSourceMapping:
    """Let a function work on a queue's messages in batches, of which only the failed ones are delivered again.

    Args:
        scope: The pattern that owns the consumer.
        construct_id: Id of the event source mapping inside ``scope``.
        function: Returns ``batchItemFailures``; Powertools' batch processor does.
        queue: The queue; its visibility timeout is at least six times the function's timeout.
        batch_size: 1 to 10,000; above 10 a ``batching_window`` is required (and FIFO queues stop at 10).
        max_concurrency: 2 to 1,000 batches worked on at a time; keeps a backlog from taking the account's concurrency.
        batching_window: How long to wait for a full batch, up to 5 minutes. Not for FIFO queues.
    """
    queue.grant_consume_messages(function)
    mapping = lambda_.EventSourceMapping(
        scope,
        construct_id,
        target=function,
        event_source_arn=queue.queue_arn,
        batch_size=batch_size,
        max_concurrency=max_concurrency,
        max_batching_window=batching_window,
        report_batch_item_failures=True,
    )
    acknowledge(
        mapping,
        "Serverless-LambdaEventSourceMappingDestination",
        "SQS sources take no destination: what fails stays in the queue and moves to its dead-letter queue.",
    )
    return mapping


def allow_on_objects(
    function: lambda_.Function,
    construct_id: str,
    bucket: "s3.IBucket",
    actions: dict[str, list[str]],
    *others: iam.PolicyStatement,
    reason: str,
) -> None:
    """Let a function work on the objects below prefixes of a bucket, and use the bucket's key when it has one.

    Args:
        function: Made by ``add_function``.
        construct_id: Id of the policy inside the function.
        bucket: The bucket.
        actions: What is allowed, by prefix.
        others: Further statements of the same policy.
        reason: Why a security reviewer would accept the ``*`` behind each prefix.

    Raises:
        ValueError: for an imported function without a role.
    """
    objects = {prefix: bucket.arn_for_objects(f"{prefix}*") for prefix in actions}
    statements = [iam.PolicyStatement(actions=actions[prefix], resources=[objects[prefix]]) for prefix in actions]
    allow_on_prefixes(function, construct_id, [*statements, *others], prefixes=list(objects.values()), reason=reason)
    key = bucket.encryption_key
    if key is not None:
        key.grant(function, "kms:Decrypt", "kms:GenerateDataKey")


def allow_on_prefixes(
    function: lambda_.Function,
    construct_id: str,
    statements: list[iam.PolicyStatement],
    *,
    prefixes: list[str],
    reason: str,
) -> None:
    """Let a function do more, where some of the resources can only be named by the beginning of their ARNs.

    Args:
        function: The function.
        construct_id: Id of the policy inside the function. A policy of its own, so that the acknowledgment of these
            ARNs covers nothing that is granted elsewhere.
        statements: What is allowed.
        prefixes: The ARNs of the statements that end with ``*``.
        reason: Why a security reviewer would accept them.

    Raises:
        ValueError: for an imported function without a role.
    """
    role = function.role
    if role is None:
        raise ValueError(f"{function.node.path} has no role to which permissions could be added")
    policy = iam.Policy(function, construct_id, roles=[role], statements=statements)
    resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
    resource.node.add_dependency(policy)
    acknowledge_resources(policy, prefixes, reason)


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
