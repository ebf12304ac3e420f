"""ClaimCheck: large state of a workflow is in a bucket, and the state has a reference to it."""

import re
from typing import cast

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import lambda_
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import days
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_exclusive, check_range

__all__ = ["ClaimCheck"]

_LIMIT = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_LIFECYCLE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html"
# Of the 256 KB of a state, so that what is around a result finds room too.
_MOST_INLINE_KB = 200
_KB = 1024
_PREFIX = re.compile(r"([A-Za-z0-9._-]+/){1,16}")
_LAYER = "workflow/claim_check"


@checks_options
class ClaimCheck(Construct):
    """Keeps large results of a workflow's steps in a bucket, so that 256 KB of state are enough.

    CDP: none; the claim check of the enterprise integration patterns. Functions use the module ``claim_check``, which
    ``share_with`` gives them as a layer: a result that is larger than ``max_inline_kb`` is put into the bucket, and the
    state has a reference, which the next step reads. Payloads expire::

        payloads = ClaimCheck(self, "Payloads")
        payloads.share_with(read_function)
        payloads.share_with(save_function, read_only=True)
    """

    bucket: s3.IBucket
    """Holds the payloads."""
    encryption_key: kms.IKey | None
    """Encrypts the payloads; None where S3 encrypts with a key of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket | None = None,
        prefix: str = "payloads/",
        max_inline_kb: int = 32,
        expires_after: Duration | None = None,
        encryption_key: kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the place for payloads.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            bucket: An existing bucket of this Region; it needs a lifecycle rule of its own. Default: a new one.
            prefix: What the keys of payloads begin with, a folder of the bucket.
            max_inline_kb: Results whose JSON is larger are put into the bucket, 1 to 200 KB. Default: 32, so that the
                results of eight steps fit into one state
                (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
            expires_after: When payloads of the new bucket are deleted, whole days, 1 to 3,650: longer than executions
                last and 14 days more, in which they can be redriven. Default: 30 days.
            encryption_key: A customer-managed key for the new bucket. Default: a key of S3.
            removal_policy: What happens to the new bucket when the stack is deleted. Default: kept.

        Raises:
            InvalidOptionError: for a prefix that is no folder, numbers out of range, options of a new bucket together
                with an existing one, or a resource of another Region.
        """
        super().__init__(scope, construct_id)
        check_exclusive(
            self,
            {"bucket": bucket},
            {"expires_after": expires_after, "encryption_key": encryption_key, "removal_policy": removal_policy},
        )
        self._check_prefix(prefix)
        check_range(self, "max_inline_kb", max_inline_kb, low=1, high=_MOST_INLINE_KB, unit="KB", source=_LIMIT)
        self._prefix, self._inline_bytes = prefix, max_inline_kb * _KB
        self.bucket = bucket or self._add_bucket(
            expires_after or days(30), encryption_key=encryption_key, removal_policy=removal_policy
        )
        self.encryption_key = self.bucket.encryption_key

    def share_with(
        self,
        function: "lambda_.Function",
        *,
        read_only: bool = False,
        write_only: bool = False,
        variable: str = "CLAIM_CHECK",
    ) -> iam.Grant:
        """Let a function use the module ``claim_check`` with this bucket.

        Args:
            function: A Python function of the same Region. It gets the layer, variables with the bucket, the prefix and
                the size, and may get and put payloads.
            read_only: Whether it may not put payloads. Default: it may.
            write_only: Whether it may not get payloads. Default: it may.
            variable: Name of the environment variable, for a function with more than one bucket.

        Raises:
            InvalidOptionError: for both, a function that does not run Python, or a variable that is taken.
        """
        if read_only and write_only:
            raise InvalidOptionError(self, "write_only", "was given together with read_only", "Give one of them")
        share_module(
            self,
            function,
            layer=_LAYER,
            environment={
                variable: f"{self.bucket.bucket_name}/{self._prefix}",
                f"{variable}_INLINE_BYTES": str(self._inline_bytes),
            },
        )
        grants = [] if read_only else [self.grant_write(function)]
        grants += [] if write_only else [self.grant_read(function)]
        return grants[0].combine(*grants[1:]) if len(grants) > 1 else grants[0]

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal get payloads, of which it must know the key: it may not list them."""
        return self._grant(grantee, "s3:GetObject", "kms:Decrypt")

    def grant_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal put payloads."""
        return self._grant(grantee, "s3:PutObject", *USE_KEY)

    def _grant(self, grantee: iam.IGrantable, action: str, *key_actions: str) -> iam.Grant:
        if self.encryption_key is not None:
            self.encryption_key.grant(grantee, *key_actions)
        objects = self.bucket.arn_for_objects(f"{self._prefix}*")
        principal = grantee.grant_principal
        if Construct.is_construct(principal):
            reason = "Payloads of workflows have random keys below one prefix."
            acknowledge_resources(cast("IConstruct", principal), [objects], reason)
        return iam.Grant.add_to_principal(grantee=grantee, actions=[action], resource_arns=[objects])

    def _add_bucket(
        self, expires_after: Duration, *, encryption_key: kms.IKey | None, removal_policy: RemovalPolicy
    ) -> s3.Bucket:
        check_duration(
            self, "expires_after", expires_after, low=days(1), high=days(3650), source=_LIFECYCLE, unit=days(1)
        )
        return add_private_bucket(
            self,
            "Bucket",
            encryption_key=encryption_key,
            removal_policy=removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpirePayloads",
                    prefix=self._prefix,
                    expiration=expires_after,
                    noncurrent_version_expiration=days(1),
                ),
                s3.LifecycleRule(id="RemoveLoneDeleteMarkers", expired_object_delete_marker=True),
            ],
        )

    def _check_prefix(self, prefix: str) -> None:
        # No * and no ?, which would widen the permissions.
        if Token.is_unresolved(prefix) or not _PREFIX.fullmatch(prefix):
            fix = "Use a folder of the bucket with letters, digits and ._-, such as 'payloads/'"
            raise InvalidOptionError(self, "prefix", f"is {prefix!r}", fix)
