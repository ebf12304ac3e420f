"""The state machine of Workflow: its log, its role, and what only one type of workflow can do."""

import json
import re
from typing import Any

from aws_cdk import Aws, Fn, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_resources
from cdp_constructs.core.keys import let_service_use_key
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.names import lower_case_name
from cdp_constructs.core.once import once
from cdp_constructs.core.paths import stack_of

__all__ = ["acknowledge_tasks", "add_log", "add_role", "has_timeout", "only_standard", "written_definition"]

# Below this prefix CloudWatch Logs needs no entry for each group in its resource policy, which has a limit of size.
# https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
_LOG_PREFIX = "/aws/vendedlogs/states/"
_LONGEST_NAME = 80
_LOG_DELIVERY = (
    *("CreateLogDelivery", "DeleteLogDelivery", "GetLogDelivery", "ListLogDeliveries", "UpdateLogDelivery"),
    *("DescribeLogGroups", "DescribeResourcePolicies", "PutResourcePolicy"),
)
_TRACING = ("GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments")
# https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
_ONLY_STANDARD = {
    ".waitForTaskToken": "waits for a task token",
    '.sync"': "waits for a job (.sync)",
    ".sync:2": "waits for a job (.sync:2)",
    ":activity:": "has an activity",
    '"Mode":"DISTRIBUTED"': "has a distributed map",
}


_OF_EXECUTIONS = {f"states:{name}Execution" for name in ("Describe", "Redrive", "Start", "Stop")}


def add_role(scope: Construct) -> iam.Role:
    """Add the role of a state machine, which may log and trace; its tasks add what they need."""
    account = {"StringEquals": {"aws:SourceAccount": stack_of(scope).account}}
    return iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal("states.amazonaws.com", conditions=account),
        managed_policies=[_observing_policy(stack_of(scope))],
    )


@once
def _observing_policy(stack: Stack) -> iam.ManagedPolicy:
    """Return what lets workflows deliver logs and send traces, one policy per stack.

    A policy of its own, so that the acknowledgment of its * covers nothing that tasks are granted.
    """
    policy = iam.ManagedPolicy(
        stack,
        "WorkflowLoggingAndTracing",
        description="Lets workflows deliver their logs and send traces to X-Ray",
        statements=[
            iam.PolicyStatement(
                actions=[*(f"logs:{name}" for name in _LOG_DELIVERY), *(f"xray:{name}" for name in _TRACING)],
                resources=["*"],
            )
        ],
    )
    reason = (
        "Deliveries of logs and traces have no resources to name: the actions accept only * "
        "(https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html)."
    )
    acknowledge(policy, "AwsSolutions-IAM5[Resource::*]", reason)
    return policy


def add_log(
    scope: Construct,
    machine: sfn.StateMachine,
    *,
    include_execution_data: bool,
    encryption_key: kms.IKey | None,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> logs.LogGroup:
    """Log every event of a state machine, and trace it.

    Not by the options of ``StateMachine``, which would put the permissions, with their *, among those of the tasks.
    """
    group = add_log_group(
        scope,
        "Logs",
        log_retention=log_retention,
        removal_policy=removal_policy,
        encryption_key=encryption_key,
        # With the stack's own id: the log of a stack that was deleted is kept, and would be in the way of the next one.
        name=f"{_LOG_PREFIX}{lower_case_name(scope, max_length=_LONGEST_NAME)}-{_id_of_stack()}",
    )
    resource: sfn.CfnStateMachine = machine.node.default_child  # type: ignore[assignment]  # its only L1
    resource.logging_configuration = sfn.CfnStateMachine.LoggingConfigurationProperty(
        level="ALL",
        include_execution_data=include_execution_data,
        destinations=[
            sfn.CfnStateMachine.LogDestinationProperty(
                cloud_watch_logs_log_group=sfn.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                    log_group_arn=group.log_group_arn
                )
            )
        ],
    )
    resource.tracing_configuration = sfn.CfnStateMachine.TracingConfigurationProperty(enabled=True)
    if encryption_key is not None:
        _let_deliver(scope, machine, encryption_key)
    return group


def _id_of_stack() -> str:
    return Fn.select(0, Fn.split("-", Fn.select(2, Fn.split("/", Aws.STACK_ID))))


def _let_deliver(scope: Construct, machine: sfn.StateMachine, key: kms.IKey) -> None:
    """Let the events of a state machine that is encrypted with a key reach its log.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
    """
    source = stack_of(scope).format_arn(service="logs", resource="*")
    machine.add_to_role_policy(
        iam.PolicyStatement(
            actions=["kms:GenerateDataKey"],
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:EncryptionContext:SourceArn": source}},
        )
    )
    let_service_use_key(scope, key, "delivery.logs.amazonaws.com", actions=["kms:Decrypt"])


def written_definition(machine: sfn.StateMachine) -> str | None:
    """Return the definition as the template has it, tokens as ``<token>``; None for one that is read from S3."""
    resource: sfn.CfnStateMachine = machine.node.default_child  # type: ignore[assignment]  # its only L1
    written: Any = Stack.of(machine).resolve(resource.definition_string)
    if isinstance(written, dict):
        (parts,) = [value[1] for function, value in written.items() if function == "Fn::Join"] or [[]]
        return "".join(part if isinstance(part, str) else "<token>" for part in parts)
    return written if isinstance(written, str) else None


def only_standard(definition: str) -> str | None:
    """Return what of a definition only a Standard workflow can do; None when there is nothing."""
    compact = re.sub(r'"\s*:\s*"', '":"', definition)
    return next((what for text, what in _ONLY_STANDARD.items() if text in compact), None)


def has_timeout(definition: str) -> bool:
    """Tell whether a definition ends by itself."""
    try:
        written = json.loads(definition)
    except ValueError:
        return False
    return isinstance(written, dict) and "TimeoutSeconds" in written


def acknowledge_tasks(role: iam.IRole, machine: sfn.StateMachine) -> None:
    """Accept the ``:*`` behind what the CDK's own tasks name in their permissions.

    ``LambdaInvoke`` allows the versions and aliases of its function, ``DistributedMap`` the executions of its state
    machine; nothing else is accepted.
    """
    for policy in [*role.node.find_all(), *machine.node.find_all()]:
        if not isinstance(policy, iam.Policy):
            continue
        found = [
            resource
            for statement in policy.document.to_json()["Statement"]
            if _is_of_a_task(_listed(statement["Action"]))
            for resource in _listed(statement["Resource"])
            if resource.endswith(":*")
        ]
        if found:
            reason = "Versions and aliases of one function, or executions of this state machine, as the task needs."
            acknowledge_resources(policy, found, reason)


def _is_of_a_task(actions: list[str]) -> bool:
    return actions == ["lambda:InvokeFunction"] or all(action in _OF_EXECUTIONS for action in actions)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
