"""Buckets that CodePipeline copies artifacts to, in the Regions of other waves: made by the CDK, secured here."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdp_constructs.core.buckets import access_log_bucket
from cdp_constructs.core.paths import account_of

__all__ = ["secure_replication_buckets"]

_LOGS = "s3/artifacts/"


def secure_replication_buckets(
    pipeline: codepipeline.Pipeline, *, kept: Duration, removal_policy: RemovalPolicy
) -> None:
    """Give the buckets that the CDK made for other Regions versions, access logs, and an end of what they keep.

    Args:
        pipeline: The pipeline, with its stages.
        kept: How long artifacts are kept.
        removal_policy: What happens to buckets and keys when their stack is deleted.
    """
    for support in pipeline.cross_region_support.values():
        bucket = support.replication_bucket
        resource = bucket.node.default_child
        if not isinstance(resource, s3.CfnBucket):
            continue
        resource.apply_removal_policy(removal_policy)
        for child in support.stack.node.find_all():
            if isinstance(child, kms.CfnKey):
                child.apply_removal_policy(removal_policy)
        resource.versioning_configuration = s3.CfnBucket.VersioningConfigurationProperty(status="Enabled")
        resource.lifecycle_configuration = s3.CfnBucket.LifecycleConfigurationProperty(
            rules=[
                s3.CfnBucket.RuleProperty(
                    id="ExpireArtifacts",
                    status="Enabled",
                    expiration_in_days=kept.to_days(),
                    noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(noncurrent_days=1),
                    abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                        days_after_initiation=1
                    ),
                )
            ]
        )
        log_bucket = access_log_bucket(support.stack)
        resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=log_bucket.bucket_name, log_file_prefix=_LOGS
        )
        log_bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[log_bucket.arn_for_objects(f"{_LOGS}*")],
                conditions={
                    "ArnLike": {"aws:SourceArn": bucket.bucket_arn},
                    "StringEquals": {"aws:SourceAccount": account_of(support.stack)},
                },
            )
        )
