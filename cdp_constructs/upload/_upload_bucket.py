"""The bucket of uploads: its three prefixes, which browsers may use it, and what expires when."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import kms
from cdp_constructs.core.origins import check_origins
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days
from cdp_constructs.core.queues import LONGEST_RETENTION
from cdp_constructs.core.tree import keep, kept
from cdp_constructs.core.validation import InvalidOptionError

INCOMING, ACCEPTED, QUARANTINE = "incoming/", "accepted/", "quarantine/"
_RECEIVES_UPLOADS = "ReceivesUploads"


def add_upload_bucket(
    scope: Construct,
    allowed_origins: Sequence[str] | None,
    *,
    encryption_key: "kms.IKey | None",
    removal_policy: RemovalPolicy,
) -> s3.Bucket:
    """Add the bucket, which sends its events to EventBridge; its id inside ``scope`` is ``Bucket``."""
    origins = check_origins(scope, allowed_origins)
    cors = s3.CorsRule(
        allowed_origins=origins,
        allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.PUT],
        allowed_headers=["Content-Type", "Content-MD5"],
        # The browser needs the ETag of each part to complete an upload in parts.
        exposed_headers=["ETag"],
        max_age=3000,
    )
    return add_private_bucket(
        scope,
        "Bucket",
        encryption_key=encryption_key,
        removal_policy=removal_policy,
        cors=[cors] if origins else None,
        event_bridge_enabled=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="ExpireUnconfirmed",
                prefix=INCOMING,
                expiration=days(1),
                # A version stays readable for as long as its event can wait to be delivered again.
                noncurrent_version_expiration=LONGEST_RETENTION,
            ),
            s3.LifecycleRule(
                id="ExpireQuarantined",
                prefix=QUARANTINE,
                expiration=days(30),
                noncurrent_version_expiration=days(1),
            ),
            s3.LifecycleRule(id="RemoveLoneDeleteMarkers", expired_object_delete_marker=True),
        ],
    )


def receive_uploads(scope: Construct, bucket: s3.IBucket) -> None:
    """Refuse a bucket that receives other uploads: two confirmations would decide by different rules.

    Raises:
        InvalidOptionError: naming the pattern that has the bucket already.
    """
    other = kept(bucket, _RECEIVES_UPLOADS)
    if other is not None:
        problem = f"is {bucket.node.path}, which receives the uploads of {other} already"
        raise InvalidOptionError(scope, "bucket", problem, "Give each a bucket")
    keep(bucket, _RECEIVES_UPLOADS, path_of(scope))
