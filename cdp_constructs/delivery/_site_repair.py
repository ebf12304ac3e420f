"""The functions of a self-healing site: one that repairs by events, one that compares everything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Resource
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdp_constructs.core.cdk import sqs
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.permissions import allow_on_prefixes

REPAIR_TIMEOUT = seconds(30)
CHECK_TIMEOUT = minutes(15)


@dataclass(frozen=True, kw_only=True)
class SiteFunctions:
    """Adds the functions, each with what it may do."""

    scope: Construct
    bucket: s3.IBucket
    source_bucket: s3.IBucket
    distribution: cloudfront.IDistribution
    pause_parameter: ssm.IStringParameter
    longest_pause: Duration
    ignored_prefixes: Sequence[str]
    encryption_key: kms.IKey | None
    log_retention: logs.RetentionDays
    removal_policy: RemovalPolicy

    def add_repair(self) -> lambda_.Function:
        """Add the function that repairs by events."""
        function = add_function(
            self.scope,
            "RepairFunction",
            handler="delivery/site_repair",
            description="Puts back what was changed in the bucket of a site",
            invocation=Invocation.EVENT_SOURCE,
            memory_size=512,
            timeout=REPAIR_TIMEOUT,
            **self._common(),
        )
        self._allow(function)
        return function

    def add_check(self, dead_letter_queue: "sqs.IQueue") -> lambda_.Function:
        """Add the function that compares everything; failed runs go to the dead-letter queue."""
        function = add_function(
            self.scope,
            "CheckFunction",
            handler="delivery/site_check",
            shares=["site_repair"],
            description="Compares the bucket of a site with its source and repairs what differs",
            invocation=Invocation.EVENT,
            dead_letter_queue=dead_letter_queue,
            memory_size=1024,
            timeout=CHECK_TIMEOUT,
            **self._common(),
        )
        self._allow(function)
        return function

    def _common(self) -> dict[str, Any]:
        return {
            "publishes_metrics": True,
            "environment": self._environment(),
            "log_retention": self.log_retention,
            "log_encryption_key": self.encryption_key,
            "removal_policy": self.removal_policy,
        }

    def _environment(self) -> dict[str, str]:
        return {
            "BUCKET": self.bucket.bucket_name,
            "SOURCE_BUCKET": self.source_bucket.bucket_name,
            "DISTRIBUTION_ID": self.distribution.distribution_id,
            "PAUSE_PARAMETER": self.pause_parameter.parameter_name,
            "LONGEST_PAUSE_S": f"{self.longest_pause.to_seconds():.0f}",
            "IGNORED_PREFIXES": json.dumps(list(self.ignored_prefixes)),
            "ENCRYPTION": self._encryption(),
        }

    def _encryption(self) -> str:
        """Return how S3 encrypts what is served; of an imported bucket without a key that is not known."""
        key = self.bucket.encryption_key
        if key is not None:
            return json.dumps(["aws:kms", key.key_arn])
        return json.dumps(["AES256", ""] if Resource.is_owned_resource(self.bucket) else None)

    def _allow(self, function: lambda_.Function) -> None:
        served, source = self.bucket.arn_for_objects("*"), self.source_bucket.arn_for_objects("*")
        statements = [
            iam.PolicyStatement(actions=["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], resources=[served]),
            iam.PolicyStatement(actions=["s3:GetObject", "s3:GetObjectVersion"], resources=[source]),
            # Also so that S3 answers "not found" instead of "denied" for an object that is gone.
            iam.PolicyStatement(
                actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn, self.source_bucket.bucket_arn]
            ),
            iam.PolicyStatement(
                actions=["cloudfront:CreateInvalidation"], resources=[self.distribution.distribution_arn]
            ),
            iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[self.pause_parameter.parameter_arn]),
        ]
        allow_on_prefixes(
            function,
            "Site",
            statements,
            prefixes=[served, source],
            reason="The function compares and repairs every object of the site; whoever changes it chooses the keys.",
        )
        if self.bucket.encryption_key is not None:
            self.bucket.encryption_key.grant(function, *USE_KEY)
        if self.source_bucket.encryption_key is not None:
            self.source_bucket.encryption_key.grant(function, "kms:Decrypt")
