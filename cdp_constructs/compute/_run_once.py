"""Functions whose handler is wrapped by the module ``run_once``: its table, its layer, its environment, its alarms."""

from collections.abc import Mapping

from aws_cdk import Annotations, Duration, Names, RemovalPolicy, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import add_powertools
from cdp_constructs.core.keys import USE_TABLE_KEY
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.metrics import NAMESPACE
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute, minutes
from cdp_constructs.core.tables import add_table, check_table, key_of, leading_keys
from cdp_constructs.core.tree import keep, kept
from cdp_constructs.core.validation import InvalidOptionError, check_range

__all__ = [
    "add_failure_alarms",
    "add_log_metric",
    "add_records",
    "check_function",
    "check_path",
    "reserve_concurrency",
    "run_once_metric",
    "wrap",
]

_ACTIONS = [f"dynamodb:{name}" for name in ("DeleteItem", "GetItem", "PutItem", "UpdateItem")]
_LONGEST_PREFIX = 60
_CONCURRENCY = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"
_LARGEST_CONCURRENCY = 1_000_000
# Lambda calls a function that failed again after a minute, and after two more.
_LAST_RETRY = Duration.minutes(3)
# What Lambda runs a function with that names no timeout.
_LAMBDA_DEFAULT_TIMEOUT = Duration.seconds(3)


def check_function(construct: Construct, function: lambda_.Function) -> None:
    """Refuse a function that is wrapped already, or whose failed invocations go elsewhere.

    Raises:
        InvalidOptionError: naming the function.
    """
    if kept(function, "RunOnce") is not None:
        problem = f"is {function.node.path}, which {kept(function, 'RunOnce')} has already"
        raise InvalidOptionError(construct, "function", problem, "Give each function to one pattern")
    if any(isinstance(child, lambda_.CfnEventInvokeConfig) for child in function.node.find_all()):
        problem = f"is {function.node.path}, which has settings of asynchronous invocations already"
        fix = "Leave on_failure, max_event_age and retry_attempts of the function out: the pattern sets them"
        raise InvalidOptionError(construct, "function", problem, fix)
    keep(function, "RunOnce", path_of(construct))


def check_path(construct: Construct, option: str, path: str | None) -> None:
    """Refuse what is no JMESPath: a token, a JSONPath or a JSON pointer.

    Raises:
        InvalidOptionError: naming the path.
    """
    if path is None:
        return
    if Token.is_unresolved(path):
        raise InvalidOptionError(
            construct, option, "is a token", "Tokens cannot be checked here: give the JMESPath itself"
        )
    if path[0] in "$/" or path != path.strip():
        fix = "Use a JMESPath, such as payment or detail.order"
        raise InvalidOptionError(construct, option, f"is {path!r}", fix)


def add_records(
    construct: Construct,
    table: dynamodb.ITable | None,
    *,
    encryption_key: kms.IKey | None,
    removal_policy: RemovalPolicy,
) -> dynamodb.ITable:
    """Return the given table, checked, or a new one as the child ``Table``.

    Raises:
        InvalidOptionError: for a table whose partition key is not ``id``, or whose items do not expire.
    """
    if table is not None:
        check_table(construct, table, partition_key="id")
        return table
    return add_table(
        construct, "Table", partition_key="id", encryption_key=encryption_key, removal_policy=removal_policy
    )


def wrap(
    construct: Construct,
    function: lambda_.Function,
    *,
    entry: str,
    table: dynamodb.ITable,
    encryption_key: kms.IKey | None,
    expires_after: Duration,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Let Lambda call an entry of the module ``run_once`` in place of the function's handler, which it calls.

    Args:
        construct: The pattern.
        function: A Python function.
        entry: Module of ``run_once`` with the entry.
        table: Keeps the records.
        encryption_key: What the table was made with.
        expires_after: How long records are kept.
        environment: What else the entry reads.

    Raises:
        InvalidOptionError: when the function does not run a Python that Powertools has a layer for.
    """
    resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
    prefix = Names.unique_resource_name(construct, max_length=_LONGEST_PREFIX)
    share_module(
        construct,
        function,
        layer="compute/run_once",
        environment={
            "RUN_ONCE_TABLE": table.table_name,
            "RUN_ONCE_PREFIX": prefix,
            "RUN_ONCE_EXPIRES_AFTER_S": str(expires_after.to_seconds()),
            "RUN_ONCE_METRICS_NAMESPACE": NAMESPACE,
            "RUN_ONCE_HANDLER": resource.handler or "",
            **(environment or {}),
        },
        statements=[
            iam.PolicyStatement(actions=_ACTIONS, resources=[table.table_arn], conditions=leading_keys(prefix))
        ],
    )
    add_powertools(construct, function)
    resource.handler = f"run_once.{entry}.handler"
    key = key_of(table, encryption_key)
    if key is not None:
        key.grant(function, *USE_TABLE_KEY)
    reason = "Failed asynchronous calls go to the on-failure destination, which also carries the error."
    acknowledge(function, "Serverless-LambdaDLQ", reason)
    _note_timeout(construct, function)


def _note_timeout(construct: Construct, function: lambda_.Function) -> None:
    """Warn where the mark of a process that died lasts longer than Lambda tries."""
    timeout = function.timeout or _LAMBDA_DEFAULT_TIMEOUT
    if not timeout.is_unresolved() and timeout.to_seconds() > _LAST_RETRY.to_seconds():
        Annotations.of(construct).add_info_v2(
            "cdp-constructs:LongTimeout",
            f"The timeout of {function.node.path} is longer than the 3 minutes within which Lambda makes its retries. "
            "Work whose process dies early, such as without memory, then goes to the dead-letter queue.",
        )


def reserve_concurrency(construct: Construct, function: lambda_.Function, executions: int | None) -> None:
    """Bound the executions of a function.

    Raises:
        InvalidOptionError: for a number out of range, and a function that has a bound already.
    """
    if executions is None:
        return
    check_range(
        construct,
        "reserved_concurrency",
        executions,
        low=1,
        high=_LARGEST_CONCURRENCY,
        unit="executions",
        source=_CONCURRENCY,
    )
    resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
    if resource.reserved_concurrent_executions is not None:
        problem = f"was given for {function.node.path}, which has {resource.reserved_concurrent_executions}"
        raise InvalidOptionError(construct, "reserved_concurrency", problem, "Leave one of the two out")
    resource.reserved_concurrent_executions = executions


def run_once_metric(function: lambda_.IFunction, name: str, *, period: Duration | None = None) -> cloudwatch.Metric:
    """Return a metric that the module publishes. Sum over 5 minutes by default."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"function_name": function.function_name, "service": "run_once"},
        statistic="sum",
        period=period or minutes(5),
    )


def add_log_metric(
    construct: Construct, construct_id: str, function: lambda_.Function, pattern: logs.IFilterPattern
) -> cloudwatch.Metric:
    """Count the lines of a function's log that match a pattern, per minute.

    Raises:
        InvalidOptionError: for a function without a log group of its own, which Lambda makes with the first call.
    """
    resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
    made = function.node.try_find_child("LogGroup") is not None
    if not made and "logGroup" not in (stack_of(function).resolve(resource.logging_config) or {}):
        problem = f"is {function.node.path}, which has no log group of its own"
        fix = "Give the function log_group=logs.LogGroup(…), or set @aws-cdk/aws-lambda:useCdkManagedLogGroup"
        raise InvalidOptionError(construct, "function", problem, fix)
    name = f"{construct_id}-{Names.unique_resource_name(construct, max_length=_LONGEST_PREFIX)}"
    counted = logs.MetricFilter(
        construct,
        construct_id,
        log_group=function.log_group,
        filter_pattern=pattern,
        metric_namespace=NAMESPACE,
        metric_name=name,
        metric_value="1",
    )
    return counted.metric(statistic="sum", period=minute())


def add_failure_alarms(construct: Construct, function: lambda_.Function, alarm_topic: sns.ITopic | None) -> None:
    """Add the alarms of errors that the log has, and of events that Lambda could not keep."""
    where = path_of(construct)
    if alarm_topic is None:
        return
    add_alarm(
        construct,
        "LoggedErrorsAlarm",
        add_log_metric(construct, "LoggedErrors", function, logs.FilterPattern.literal('{ $.level = "ERROR" }')),
        alarm_topic=alarm_topic,
        description=f"{where}: the log has errors, also of work that ended well. Look for lines of the level ERROR.",
    )
    add_alarm(
        construct,
        "LostEventsAlarm",
        function.metric("DestinationDeliveryFailures", period=minute(), statistic="sum"),
        alarm_topic=alarm_topic,
        description=f"{where}: events that failed could not be sent to the dead-letter queue and are lost. Look at "
        "the permissions of the function's role, and send them again from where they came.",
    )
