"""The loads of the warehouse: a function that a schedule starts, and what becomes of loads that fail."""

import json
from collections.abc import Mapping
from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_resources
from cdp_constructs.core.cdk import kms, lambda_, sqs
from cdp_constructs.core.cdk import redshiftserverless as redshift
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.object_events import EVENTBRIDGE, let_rule_send
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.schedules import add_schedule, add_schedule_role
from cdp_constructs.data._parquet import RECORDS
from cdp_constructs.data._records import ABOUT


def add_copy_role(scope: "Construct", batch: "cdp_constructs.BatchLayer") -> iam.Role:
    """Add the role with which Redshift reads the records of the batch layer, and nothing else."""
    # Redshift Serverless assumes it under both names.
    services = (iam.ServicePrincipal(f"{name}.amazonaws.com") for name in ("redshift", "redshift-serverless"))
    role = iam.Role(scope, "CopyRole", assumed_by=iam.CompositePrincipal(*services))
    bucket = batch.bucket
    objects = bucket.arn_for_objects(f"{RECORDS}*")
    statements = [
        iam.PolicyStatement(actions=["s3:GetObject"], resources=[objects]),
        iam.PolicyStatement(actions=["s3:ListBucket", "s3:GetBucketLocation"], resources=[bucket.bucket_arn]),
    ]
    policy = iam.Policy(scope, "CopyPolicy", roles=[role], statements=statements)
    acknowledge_resources(policy, [objects], "Redshift loads every record of the batch layer, and nothing else.")
    if bucket.encryption_key is not None:
        bucket.encryption_key.grant_decrypt(role)
    return role


def add_load_function(
    scope: "Construct",
    *,
    batch: "cdp_constructs.BatchLayer",
    workgroup: "redshift.CfnWorkgroup",
    database: str,
    copy_role: iam.Role,
    dead_letter_queue: "sqs.IQueue",
    encryption_key: "kms.IKey | None",
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> "lambda_.Function":
    """Add the function that starts loads.

    Args:
        scope: The warehouse.
        batch: Whose records are loaded.
        workgroup: Runs the statements.
        database: Where the table is.
        copy_role: With which Redshift reads the records.
        dead_letter_queue: Receives failed invocations.
        encryption_key: What logs are encrypted with.
        log_retention: How long logs are kept.
        removal_policy: What happens to the log group when the stack is deleted.
    """
    function = add_function(
        scope,
        "Function",
        handler="data/warehouse_load",
        description="Starts loads of the batch layer's records into Redshift",
        invocation=Invocation.EVENT,
        dead_letter_queue=dead_letter_queue,
        environment={
            "WORKGROUP": workgroup.workgroup_name,
            "DATABASE": database,
            "TABLE": batch.table_name,
            "COLUMNS": json.dumps({**ABOUT, **batch.columns}),
            "BUCKET": batch.bucket.bucket_name,
            "PREFIX": RECORDS,
            "COPY_ROLE": copy_role.role_arn,
        },
        log_retention=log_retention,
        log_encryption_key=encryption_key,
        removal_policy=removal_policy,
    )
    for statement in (
        iam.PolicyStatement(
            actions=["redshift-data:BatchExecuteStatement", "redshift-serverless:GetCredentials"],
            resources=[workgroup.attr_workgroup_workgroup_arn],
        ),
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[batch.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{RECORDS}*"}},
        ),
    ):
        function.add_to_role_policy(statement)
    return function


def add_load_schedule(
    scope: "Construct",
    *,
    batch: "cdp_constructs.BatchLayer",
    function: "lambda_.Function",
    dead_letter_queue: "sqs.IQueue",
    encryption_key: "kms.IKey | None",
) -> None:
    """Start a load every five minutes."""
    add_schedule(
        scope,
        "Schedule",
        expression="rate(5 minutes)",
        target=function,
        role=add_schedule_role(scope, function, dead_letter_queue, encryption_key),
        dead_letter_queue=dead_letter_queue,
        description=f"Loads the records of {path_of(batch)}",
        # The next load does what a missed one would have done.
        max_event_age=minutes(5),
        retry_attempts=2,
    )


def divide_failed_loads(
    scope: "Construct",
    *,
    workgroup: "redshift.CfnWorkgroup",
    function: "lambda_.Function",
    dead_letter_queue: "sqs.Queue",
    encryption_key: "kms.IKey | None",
) -> None:
    """Let the function divide loads that Redshift started and did not finish, until it is one object that fails.

    COPY has no way to pass over a Parquet object that it cannot read: ``MAXERROR`` is for texts only
    (https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html).

    Args:
        scope: The warehouse.
        workgroup: Runs the loads; their statements have its name, and the key behind it where it is one object.
        function: Divides.
        dead_letter_queue: Receives the loads of single objects that failed, and what did not reach the function.
        encryption_key: The customer-managed key of the queue, if it has one.
    """
    divided = _add_rule(
        scope,
        "DividedLoads",
        description=f"Loads of {path_of(scope)} that failed and can be divided",
        name=workgroup.workgroup_name,
        target=("Function", function.function_arn),
        dead_letter_queue=dead_letter_queue,
    )
    failed = _add_rule(
        scope,
        "FailedLoads",
        description=f"Objects of {path_of(scope)} that cannot be loaded",
        name={"prefix": f"{workgroup.workgroup_name} "},
        target=("Queue", dead_letter_queue.queue_arn),
        dead_letter_queue=dead_letter_queue,
    )
    for rule in (divided, failed):
        let_rule_send(rule, dead_letter_queue, encryption_key=encryption_key)
    function.add_permission("DividedLoads", principal=EVENTBRIDGE, source_arn=divided.attr_arn)
    statement = iam.PolicyStatement(
        actions=["redshift-data:DescribeStatement"],
        resources=["*"],
        conditions={"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
    )
    policy = iam.Policy(scope, "DividePolicy", roles=[cast("iam.IRole", function.role)], statements=[statement])
    reason = "Statements have no resource to name; the condition leaves the function's own ones."
    acknowledge(policy, "AwsSolutions-IAM5[Resource::*]", reason)


def _add_rule(
    scope: "Construct",
    construct_id: str,
    *,
    description: str,
    name: "str | Mapping[str, str]",
    target: tuple[str, str],
    dead_letter_queue: "sqs.Queue",
) -> events.CfnRule:
    """Add a rule for loads that did not finish, by the name of their statements, with a target's id and ARN."""
    target_id, arn = target
    return events.CfnRule(
        scope,
        construct_id,
        description=description,
        event_pattern={
            "source": ["aws.redshift-data"],
            "detail-type": ["Redshift Data Statement Status Change"],
            "detail": {"statementName": [name], "state": ["FAILED", "ABORTED"]},
        },
        targets=[
            events.CfnRule.TargetProperty(
                id=target_id,
                arn=arn,
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=dead_letter_queue.queue_arn),
            )
        ],
    )
