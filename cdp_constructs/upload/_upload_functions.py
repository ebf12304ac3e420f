"""The functions of an upload: one signs forms, one decides about what arrived. Each may do only that."""

import json
from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.assets import handler_folder
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.permissions import allow_on_objects
from cdp_constructs.core.validation import InvalidOptionError, check_no_repetition
from cdp_constructs.upload._upload_bucket import ACCEPTED, INCOMING, QUARANTINE

_BYTES_PER_MB = 1_000_000
_TEXT_ENCODINGS = ("utf-8", "utf-16", "cp932", "cp1252")
_REASON = "Owner, upload and file name are not known before users upload; the prefix bounds what is reached."


def check_content_types(scope: Construct, content_types: Sequence[str]) -> None:
    """Refuse what is no list of types, and types whose first bytes are not known.

    Raises:
        InvalidOptionError: naming the types that are known.
    """
    known = json.loads((handler_folder("upload/confirmation") / "signatures.json").read_text())
    if isinstance(content_types, str) or not content_types:
        raise InvalidOptionError(
            scope, "content_types", f"is {content_types!r}", 'Give a list, such as ["image/jpeg", "image/png"]'
        )
    for content_type in content_types:
        if content_type not in known:
            raise InvalidOptionError(
                scope,
                "content_types",
                f"contains {content_type!r}, whose first bytes are not known",
                f"Use some of {', '.join(sorted(known))}",
            )
    check_no_repetition(scope, "content_types", content_types)


def check_text_encodings(scope: Construct, encodings: Sequence[str]) -> None:
    """Refuse encodings that the confirmation does not tell from bytes.

    Raises:
        InvalidOptionError: naming those that it does.
    """
    if isinstance(encodings, str) or not encodings:
        raise InvalidOptionError(
            scope, "text_encodings", f"is {encodings!r}", 'Give a list, such as ["utf-8", "cp932"]'
        )
    for encoding in encodings:
        if encoding not in _TEXT_ENCODINGS:
            fix = f"Use some of {', '.join(_TEXT_ENCODINGS)}"
            raise InvalidOptionError(scope, "text_encodings", f"contains {encoding!r}", fix)
    check_no_repetition(scope, "text_encodings", encodings)


class UploadFunctions:
    """Adds both functions to an upload, with the same rules."""

    def __init__(
        self,
        scope: Construct,
        content_types: Sequence[str],
        max_size_mb: int,
        *,
        log_retention: logs.RetentionDays,
        log_encryption_key: kms.IKey | None,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Take the rules, and how logs are kept."""
        self._scope = scope
        self._log_encryption_key = log_encryption_key
        self._log_retention = log_retention
        self._removal_policy = removal_policy
        self._rules = {
            "CONTENT_TYPES": json.dumps(sorted(content_types)),
            "MAX_BYTES": str(max_size_mb * _BYTES_PER_MB),
        }

    def add_form_function(self, bucket: s3.IBucket, expiry: Duration) -> lambda_.Function:
        """Add the function that signs: what it may do is what a form that it signs can do."""
        function = add_function(
            self._scope,
            "FormFunction",
            handler="upload/form",
            description="Signs forms with which users upload files straight to S3",
            invocation=Invocation.REQUEST,
            environment={
                **self._rules,
                "BUCKET": bucket.bucket_name,
                "EXPIRES_IN": str(expiry.to_seconds()),
                "INCOMING_PREFIX": INCOMING,
            },
            log_retention=self._log_retention,
            log_encryption_key=self._log_encryption_key,
            removal_policy=self._removal_policy,
        )
        allow_on_objects(function, "Objects", bucket, {INCOMING: ["s3:PutObject"]}, reason=_REASON)
        return function

    def add_confirmation_function(
        self,
        bucket: s3.IBucket,
        topic: sns.ITopic,
        encryption_key: kms.IKey | None,
        *,
        text_encodings: Sequence[str],
        timeout: Duration,
    ) -> lambda_.Function:
        """Add the function that accepts or rejects; it cannot change what was accepted."""
        function = add_function(
            self._scope,
            "ConfirmationFunction",
            handler="upload/confirmation",
            description="Checks uploaded files by their bytes and moves them to accepted/ or quarantine/",
            invocation=Invocation.EVENT_SOURCE,
            publishes_metrics=True,
            correlates=True,
            timeout=timeout,
            environment={
                **self._rules,
                "ACCEPTED_PREFIX": ACCEPTED,
                "QUARANTINE_PREFIX": QUARANTINE,
                "TEXT_ENCODINGS": json.dumps(list(text_encodings)),
                "TOPIC_ARN": topic.topic_arn,
            },
            log_retention=self._log_retention,
            log_encryption_key=self._log_encryption_key,
            removal_policy=self._removal_policy,
        )
        allow_on_objects(
            function,
            "Objects",
            bucket,
            {
                INCOMING: ["s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"],
                ACCEPTED: ["s3:GetObject", "s3:PutObject"],
                QUARANTINE: ["s3:PutObject", "s3:PutObjectTagging"],
            },
            # Without them S3 answers 403, and not 404, about an object, or a version, that is gone.
            iam.PolicyStatement(actions=["s3:ListBucket", "s3:ListBucketVersions"], resources=[bucket.bucket_arn]),
            iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn]),
            reason=_REASON,
        )
        if encryption_key is not None:
            encryption_key.grant(function, *USE_KEY)
        return function
