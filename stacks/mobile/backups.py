"""Backups of phones: each user writes straight to S3 with credentials of AWS, into the own folder and nowhere else."""

from aws_cdk import CfnOutput
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs import TokenIssuer, UserIdentityPool
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import days

PREFIX = "backups/"


class Backups(Construct):
    """What is too large for an API, and for a form that is filled in at one go.

    Attributes:
        bucket: The backups, below ``backups/<identity id>/``.
        identities: Gives signed-in users credentials for their folder.
    """

    def __init__(self, scope: Construct, construct_id: str, *, issuer: TokenIssuer) -> None:
        super().__init__(scope, construct_id)
        self.bucket = add_private_bucket(
            self,
            "Bucket",
            lifecycle_rules=[s3.LifecycleRule(id="ExpireOldBackups", noncurrent_version_expiration=days(30))],
        )
        self.identities = UserIdentityPool(self, "Identities", issuer=issuer)
        self.identities.grant_own_objects(self.bucket, prefix=PREFIX)
        stack = stack_of(self)
        CfnOutput(stack, "IdentityPoolId", value=self.identities.identity_pool.ref)
        CfnOutput(stack, "BackupBucketName", value=self.bucket.bucket_name)
