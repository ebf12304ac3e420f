"""One way to make a bucket: private, versioned, TLS only, encrypted, logged; one log bucket per stack."""

from typing import cast
from weakref import WeakSet

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import node_of, stack_of
from cdp_constructs.core.periods import days
from cdp_constructs.core.tree import keep, kept
from cdp_constructs.core.validation import InvalidOptionError

_LOG_BUCKET_ID = "AccessLogs"
_EXISTING_LOG_BUCKET = "ExistingAccessLogs"
_LOG_RETENTION = Duration.days(365)
_BLOCK_ALL = s3.BlockPublicAccess.BLOCK_ALL
_SENDING: "WeakSet[s3.IBucket]" = WeakSet()
"""Buckets that send their events since they were made: to read the property back is eight questions to Node."""


@checks_options
def use_access_log_bucket(scope: "IConstruct", bucket: s3.IBucket) -> None:
    """Send the access logs of every bucket and distribution that this library makes in a stack to an existing bucket.

    Without this call the first pattern that needs one makes a single log bucket for the whole stack. Call it before the
    first pattern of the stack.

    Args:
        scope: The stack, or any construct of it.
        bucket: A log bucket of the stack's Region. Its policy must let ``logging.s3.amazonaws.com`` put objects, and
            for distributions its ACL must be enabled: an imported bucket is never changed from here.

    Raises:
        InvalidOptionError: when the stack has its log bucket already.
    """
    stack = Stack.of(scope)
    if node_of(stack).try_find_child(_LOG_BUCKET_ID) is not None or kept(stack, _EXISTING_LOG_BUCKET) is not None:
        problem = f"is {bucket.node.path}, but the stack has a log bucket already, given or made by an earlier pattern"
        fix = "Call use_access_log_bucket() once, before the first pattern"
        raise InvalidOptionError(cast("Construct", stack), "bucket", problem, fix)
    keep(stack, _EXISTING_LOG_BUCKET, bucket)


def access_log_bucket(scope: "Construct") -> s3.IBucket:
    """Return the stack's log bucket: the existing one, or one that is made on first use and keeps logs for a year."""
    stack = stack_of(scope)
    existing: s3.IBucket | None = kept(stack, _EXISTING_LOG_BUCKET) or node_of(stack).try_find_child(_LOG_BUCKET_ID)  # type: ignore[assignment]  # made below
    if existing is not None:
        return existing
    bucket = s3.Bucket(
        stack,
        _LOG_BUCKET_ID,
        block_public_access=_BLOCK_ALL,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        # CloudFront's standard logging writes with an ACL; "preferred" still makes the bucket owner own every log.
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
        removal_policy=RemovalPolicy.RETAIN,
        lifecycle_rules=[s3.LifecycleRule(id="ExpireLogs", expiration=_LOG_RETENTION)],
    )
    acknowledge(
        bucket, "AwsSolutions-S1", "This is the log bucket itself; logging it into itself would never come to an end."
    )
    return bucket


def add_private_bucket(
    scope: "Construct",
    construct_id: str,
    *,
    encryption_key: kms.IKey | None = None,
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    cors: list[s3.CorsRule] | None = None,
    lifecycle_rules: list[s3.LifecycleRule] | None = None,
    event_bridge_enabled: bool | None = None,
) -> s3.Bucket:
    """Add a bucket that only named principals reach, over TLS, with every version kept.

    Args:
        scope: The pattern that owns the objects.
        construct_id: Id of the bucket inside ``scope``.
        encryption_key: A customer-managed key; by default S3 encrypts with a key of its own.
        removal_policy: What happens to the objects when the stack is deleted. ``DESTROY`` deletes an empty bucket only.
        cors: Browsers' origins that may use the bucket directly.
        lifecycle_rules: Expiry and transitions, beside the clean-up of incomplete multipart uploads after one day.
        event_bridge_enabled: Whether S3 also sends an event about every object to EventBridge.
    """
    bucket = s3.Bucket(
        scope,
        construct_id,
        block_public_access=_BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        encryption=s3.BucketEncryption.KMS if encryption_key is not None else s3.BucketEncryption.S3_MANAGED,
        encryption_key=encryption_key,
        bucket_key_enabled=True if encryption_key is not None else None,
        enforce_ssl=True,
        versioned=True,
        removal_policy=removal_policy,
        server_access_logs_bucket=access_log_bucket(scope),
        server_access_logs_prefix=f"s3/{node_of(scope).addr[-8:]}/{construct_id}/",
        cors=cors,
        lifecycle_rules=[
            s3.LifecycleRule(id="AbortIncompleteMultipartUploads", abort_incomplete_multipart_upload_after=days(1)),
            *(lifecycle_rules or []),
        ],
    )
    if event_bridge_enabled:
        send_events(bucket)
    return bucket


def send_events(bucket: s3.IBucket) -> None:
    """Let a bucket that this library has made send an event about every object to EventBridge."""
    # Bucket(event_bridge_enabled=True) would set the bucket's own property through a custom resource, whose
    # function may change the notifications of every bucket of the account.
    resource = node_of(bucket).default_child
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(  # type: ignore[union-attr]
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )
    _SENDING.add(bucket)


def sends_events(bucket: s3.IBucket) -> bool:
    """Tell whether a bucket sends its events to EventBridge; an imported one is assumed to."""
    if bucket in _SENDING:
        return True
    node = node_of(bucket)
    resource = node.default_child
    if resource is None or getattr(resource, "notification_configuration", None) is not None:
        return True
    # The CDK's own switch is a custom resource of this id below the bucket.
    return node.try_find_child("Notifications") is not None
