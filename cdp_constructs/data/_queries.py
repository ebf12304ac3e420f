"""How records in S3 are queried: a workgroup of Athena, saved queries, and what a caller of both is allowed."""

from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_athena as athena
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.cdk import glue, kms
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import days
from cdp_constructs.data._catalog import glue_arns

RESULTS = "queries/"
_BYTES_PER_MB = 1_000_000


def add_workgroup(
    scope: Construct,
    *,
    name: str,
    bucket: s3.IBucket,
    encryption_key: "kms.IKey | None",
    scan_limit_mb: int,
    removal_policy: RemovalPolicy,
) -> athena.CfnWorkGroup:
    """Add a workgroup that says where results go, how they are encrypted, and what a query may read.

    Args:
        scope: The pattern.
        name: Lower case, unique in the account and Region.
        bucket: Takes results below ``queries/``.
        encryption_key: Encrypts results; None for the key of S3.
        scan_limit_mb: What one query may read.
        removal_policy: Whether saved queries and history go with the stack.
    """
    encryption = athena.CfnWorkGroup.EncryptionConfigurationProperty(
        encryption_option="SSE_S3" if encryption_key is None else "SSE_KMS",
        kms_key=encryption_key.key_arn if encryption_key is not None else None,
    )
    return athena.CfnWorkGroup(
        scope,
        "Workgroup",
        name=name,
        recursive_delete_option=removal_policy is RemovalPolicy.DESTROY,
        work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
            enforce_work_group_configuration=True,
            publish_cloud_watch_metrics_enabled=True,
            bytes_scanned_cutoff_per_query=scan_limit_mb * _BYTES_PER_MB,
            result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                output_location=f"s3://{bucket.bucket_name}/{RESULTS}", encryption_configuration=encryption
            ),
        ),
    )


def grant_queries(
    grantee: iam.IGrantable,
    *,
    workgroup: athena.CfnWorkGroup,
    table: "glue.CfnTable",
    bucket: s3.IBucket,
    records: str,
    encryption_key: "kms.IKey | None",
) -> iam.Grant:
    """Let a principal query the table in the workgroup: Athena reads records and writes results as the caller.

    Args:
        grantee: The principal.
        workgroup: The only one in which it may run queries.
        table: The only one that it may query.
        bucket: Holds records and results.
        records: The prefix of records.
        encryption_key: The bucket's.
    """
    stack = stack_of(workgroup)
    arn = stack.format_arn(service="athena", resource="workgroup", resource_name=workgroup.name)
    athena_actions = (
        "StartQueryExecution",
        "StopQueryExecution",
        "GetQueryExecution",
        "GetQueryResults",
        "GetWorkGroup",
    )
    read, results = (bucket.arn_for_objects(f"{prefix}*") for prefix in (records, RESULTS))
    allowed = (
        ([f"athena:{action}" for action in athena_actions], [arn]),
        (["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"], glue_arns(workgroup, table)),
        (["s3:ListBucket", "s3:GetBucketLocation"], [bucket.bucket_arn]),
        (["s3:GetObject"], [read, results]),
        (["s3:PutObject", "s3:AbortMultipartUpload"], [results]),
    )
    first, *others = (
        iam.Grant.add_to_principal(grantee=grantee, actions=actions, resource_arns=resources)
        for actions, resources in allowed
    )
    for other in others:
        first = first.combine(other)
    if encryption_key is not None:
        first = first.combine(encryption_key.grant(grantee, *USE_KEY))
    principal = grantee.grant_principal
    if Construct.is_construct(principal):
        reason = "Athena reads records and writes results as the caller, whose objects are only known by their prefix."
        acknowledge_resources(cast("IConstruct", principal), [read, results], reason)
    return first


def add_saved_query(
    scope: Construct,
    construct_id: str,
    *,
    table: "glue.CfnTable",
    workgroup: athena.CfnWorkGroup,
    sql: str,
    description: str,
) -> athena.CfnNamedQuery:
    """Keep a query in a workgroup, for people to run.

    Args:
        scope: The pattern.
        construct_id: Id inside it, and the query's name.
        table: What it reads.
        workgroup: Where it is kept.
        sql: In the dialect of Athena.
        description: What it answers.
    """
    query = athena.CfnNamedQuery(
        scope,
        construct_id,
        name=construct_id,
        database=table.database_name,
        query_string=sql,
        description=description,
        work_group=workgroup.name,
    )
    query.node.add_dependency(workgroup)
    query.node.add_dependency(table)
    return query


def expiring_results() -> s3.LifecycleRule:
    """Return the rule of a bucket that removes the results of queries."""
    return s3.LifecycleRule(
        id="ExpireQueryResults", prefix=RESULTS, expiration=days(7), noncurrent_version_expiration=days(1)
    )
