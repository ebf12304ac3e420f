"""How gathered records of the batch layer are split: a function that Firehose asks before it converts."""

import json
from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.cdk import kms, s3
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.permissions import allow_on_objects
from cdp_constructs.data._parquet import ERRORS

KEPT = f"{ERRORS}measurements/"


def add_splitting_function(
    scope: Construct,
    *,
    bucket: "s3.IBucket",
    columns: Mapping[str, str],
    encryption_key: "kms.IKey | None",
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> lambda_.Function:
    """Add the function that makes a line of each measurement of a gathered record.

    Args:
        scope: The batch layer.
        bucket: Keeps measurements that do not fit.
        columns: The types of the table.
        encryption_key: What logs are encrypted with.
        log_retention: How long logs are kept.
        removal_policy: What happens to the log group when the stack is deleted.
    """
    function = add_function(
        scope,
        "SplittingFunction",
        handler="data/gathered_records",
        description="Splits the measurements that devices gathered",
        invocation=Invocation.REQUEST,
        publishes_metrics=True,
        memory_size=512,
        # A batch takes a fraction of a second; Firehose waits five minutes.
        timeout=seconds(60),
        environment={"BUCKET_NAME": bucket.bucket_name, "KEY_PREFIX": KEPT, "COLUMNS": json.dumps(columns)},
        log_retention=log_retention,
        log_encryption_key=encryption_key,
        removal_policy=removal_policy,
    )
    allow_on_objects(
        function,
        "Kept",
        bucket,
        {KEPT: ["s3:PutObject"]},
        reason=f"It names objects by the batches of Firehose, and may put them below {KEPT} only.",
    )
    return function
