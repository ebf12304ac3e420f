"""Direct Object Upload: files go straight to S3 and count only after their bytes were checked."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.functions import (
    Invocation,
    add_function,
    allow_on_objects,
    consume_queue,
    handler_folder,
)
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.object_events import OBJECT_CREATED, queue_object_events
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minutes, seconds
from cdp_constructs.core.queues import (
    LONGEST_RETENTION,
    add_dead_letter_queue,
    add_work_queue,
    metric_oldest_message,
)
from cdp_constructs.core.validation import (
    InvalidOptionError,
    check_duration,
    check_exclusive,
    check_origins,
    check_range,
)

if TYPE_CHECKING:
    from aws_cdk import aws_apigatewayv2 as apigatewayv2
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_

_INCOMING, _ACCEPTED, _QUARANTINE = "incoming/", "accepted/", "quarantine/"
_BYTES_PER_MB = 1_000_000
_LARGEST_POST_MB = 100
# Uploads are moved by CopyObject, which takes up to 5 GiB.
_LARGEST_MB = 5_000
_COPY_LIMIT = "https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"
# The credentials of the issuing function sign the form; a longer life could end before its expiry.
_LONGEST_EXPIRY = Duration.hours(1)
_EXPIRY_LIMIT = (
    "S3 checks expiry in whole seconds; an hour is the most that a function's own credentials are trusted for"
)
_REJECTIONS_THAT_ALARM = 10
# Two confirmations of one prefix would decide by different rules, whichever came first. Weak: apps of a test go away.
_receiving: WeakKeyDictionary[s3.IBucket, str] = WeakKeyDictionary()
_USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")


class DirectObjectUpload(Construct):
    """Let users put files straight into S3, and trust a file only after its bytes were checked.

    CDP: Direct Object Upload / ダイレクトオブジェクトアップロード パターン.

    Problem: files that pass through application servers occupy them for as long as the slowest line takes, and API
    Gateway ends at 10 MB. Files that bypass them bypass the checks too.

    Solution: ``form_function`` signs a form (presigned POST) for one key below the user's own prefix, one content type
    and one range of sizes, which S3 enforces; files above 100 MB get signed URLs for their parts. S3's event about the
    arrived object, never the client, starts the confirmation: size, type and first bytes are checked, then the object
    is moved from ``incoming/<owner>/<upload_id>/<name>`` to ``accepted/…`` and published to ``accepted_topic``, or to
    ``quarantine/…`` with the tag ``reason``.

    Subscribe with ``SnsSqsFanout(self, "Files", topic=upload.accepted_topic)``. A message may arrive twice; it is JSON
    with ``upload_id``, ``owner``, ``bucket``, ``region``, ``key``, ``size``, ``content_type``, ``etag``,
    ``version_id``, ``name``, ``metadata`` and ``accepted_at``, and has the attributes ``owner`` and ``content_type``.

    Not for: files that a server makes itself (put them), and as a virus scanner: the check proves that a file is of its
    type, not that it is harmless.

    Nothing is lost: events that cannot be delivered or worked on wait in ``dead_letter_queue`` for 14 days, and so long
    the uploaded version can still be read. Unconfirmed objects expire after a day, quarantined ones after 30,
    incomplete uploads in parts after one.

    Limits: 5,000 MB per file (one CopyObject moves at most 5 GiB,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html); 3,500 uploads a second per prefix
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html).

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        content_types: The types that are accepted, each one whose first bytes are known
            (``cdp_constructs/upload/handlers/confirmation/signatures.json``): images, video, audio, PDF, Office, zip,
            text. Types that run scripts, such as HTML and SVG, are none of them.
        max_size_mb: Largest file in megabytes of 1,000,000 bytes, 1 to 5,000.
        allowed_origins: Web origins whose pages may upload, such as ``https://chat.example.com``. Required when the
            bucket is made here, refused for a brought one, whose CORS rules are yours.
        expiry: How long a form can be used, 1 second to 1 hour; 5 minutes by default.
        bucket: A versioned bucket of the same Region that sends its events to EventBridge and receives no other
            uploads. Nothing on it is changed: CORS, expiry and TLS-only policy are yours. By default one is made:
            private, versioned, TLS only.
        encryption_key: Encrypts the topic, and the bucket when it is made here. By default a key is made for the topic,
            and S3 encrypts the bucket with its own.
        alarm_topic: Receives the alarms; by default there are none.

    Attributes:
        bucket: Holds the objects below ``incoming_prefix``, ``accepted_prefix`` and ``quarantine_prefix``.
        accepted_topic: Hears of every accepted object.
        form_function: Issues forms and completes uploads in parts, for an HTTP API and for direct invocation.
        confirmation_function: Decides about each object.
        queue: Holds S3's events until they are decided about.
        dead_letter_queue: Keeps the events that failed.
        encryption_key: The topic's key.

    Raises:
        InvalidOptionError: for an unknown content type, a size or expiry out of range, missing or wrong origins, or a
            bucket that receives other uploads or sends no events to EventBridge.
    """

    incoming_prefix = _INCOMING
    accepted_prefix = _ACCEPTED
    quarantine_prefix = _QUARANTINE

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        content_types: Sequence[str],
        max_size_mb: int,
        allowed_origins: Sequence[str] | None = None,
        expiry: Duration | None = None,
        bucket: s3.IBucket | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        expiry = expiry or minutes(5)
        check_exclusive(self, {"bucket": bucket}, {"allowed_origins": allowed_origins})
        check_range(self, "max_size_mb", max_size_mb, low=1, high=_LARGEST_MB, unit="MB", source=_COPY_LIMIT)
        check_duration(self, "expiry", expiry, low=seconds(1), high=_LONGEST_EXPIRY, source=_EXPIRY_LIMIT)
        self._check_content_types(content_types)
        rules = {
            "CONTENT_TYPES": json.dumps(sorted(content_types)),
            "MAX_BYTES": str(max_size_mb * _BYTES_PER_MB),
        }

        self.bucket: s3.IBucket = bucket or self._make_bucket(allowed_origins or [], encryption_key)
        if self.bucket in _receiving:
            raise InvalidOptionError(
                self, "bucket", f"already receives the uploads of {_receiving[self.bucket]}", "Give each a bucket"
            )
        _receiving[self.bucket] = path_of(self)
        self.encryption_key: kms.IKey = encryption_key or add_key(
            self, "EncryptionKey", description=f"Encrypts the topic of {path_of(self)}"
        )
        self.accepted_topic: sns.ITopic = sns.Topic(
            self, "AcceptedTopic", master_key=self.encryption_key, enforce_ssl=True
        )
        self.form_function: lambda_.IFunction = self._make_form_function(rules, expiry)
        self.dead_letter_queue = add_dead_letter_queue(
            self, "DeadLetterQueue", alarm_topic=alarm_topic, holds="events of uploads that were not decided about"
        )
        timeout = 30 if max_size_mb <= _LARGEST_POST_MB else 120
        self.queue = add_work_queue(
            self,
            "Queue",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=seconds(6 * timeout),
        )
        self.confirmation_function: lambda_.IFunction = self._make_confirmation_function(rules, seconds(timeout))
        consume_queue(self, "Confirmation", self.confirmation_function, self.queue, batch_size=5)
        queue_object_events(
            self,
            "Uploads",
            bucket=self.bucket,
            prefix=_INCOMING,
            detail_types=[OBJECT_CREATED],
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
        )
        add_alarm(
            self,
            "RejectedAlarm",
            self.metric_rejected(),
            alarm_topic=alarm_topic,
            threshold=_REJECTIONS_THAT_ALARM,
            description=f"{path_of(self)}: many uploads were rejected within 5 minutes. Look at the tag 'reason' of "
            f"the objects below {_QUARANTINE}: somebody tries, or a client sends wrong types.",
        )

    def add_route(
        self,
        api: "apigatewayv2.IHttpApi",
        path: str,
        authorizer: "apigatewayv2.IHttpRouteAuthorizer",
    ) -> "apigatewayv2.HttpRoute":
        """Let signed-in users ask for forms with ``POST path``; without a valid token the API answers 401.

        Args:
            api: The HTTP API. Its CORS settings are its own.
            path: Such as ``/uploads``.
            authorizer: A JWT authorizer; the token's ``sub`` becomes the owner of the objects.
        """
        # Imported here: whoever invokes the function from an API of their own does not pay for these.
        from aws_cdk import aws_apigatewayv2 as apigatewayv2
        from aws_cdk import aws_apigatewayv2_integrations as integrations

        return apigatewayv2.HttpRoute(
            self,
            f"Route{path}",
            http_api=api,
            route_key=apigatewayv2.HttpRouteKey.with_(path, apigatewayv2.HttpMethod.POST),
            integration=integrations.HttpLambdaIntegration("Form", self.form_function),
            authorizer=authorizer,
        )

    def grant_issue(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let another function issue forms on behalf of users, by invoking ``form_function``."""
        return self.form_function.grant_invoke(grantee)

    def metric_accepted(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Uploads that were accepted, per 5 minutes by default."""
        return self._metric("AcceptedUploads", period)

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Uploads that were quarantined, per 5 minutes by default."""
        return self._metric("RejectedUploads", period)

    def metric_oldest_upload(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest upload that waits for its confirmation, per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def _metric(self, name: str, period: Duration | None) -> "cloudwatch.Metric":
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="CdpConstructs",
            metric_name=name,
            dimensions_map={"function_name": self.confirmation_function.function_name},
            statistic="sum",
            period=period or minutes(5),
        )

    def _check_content_types(self, content_types: Sequence[str]) -> None:
        known = json.loads((handler_folder("upload/confirmation") / "signatures.json").read_text())
        if isinstance(content_types, str) or not content_types:
            raise InvalidOptionError(
                self, "content_types", f"is {content_types!r}", 'Give a list, such as ["image/jpeg", "image/png"]'
            )
        for content_type in content_types:
            if content_type not in known:
                raise InvalidOptionError(
                    self,
                    "content_types",
                    f"contains {content_type!r}, whose first bytes are not known",
                    f"Use some of {', '.join(sorted(known))}",
                )

    def _make_bucket(self, allowed_origins: Sequence[str], encryption_key: "kms.IKey | None") -> s3.Bucket:
        cors = s3.CorsRule(
            allowed_origins=check_origins(self, allowed_origins),
            allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.PUT],
            allowed_headers=["Content-Type", "Content-MD5"],
            # The browser needs the ETag of each part to complete an upload in parts.
            exposed_headers=["ETag"],
            max_age=3000,
        )
        return add_private_bucket(
            self,
            "Bucket",
            encryption_key=encryption_key,
            cors=[cors],
            event_bridge_enabled=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpireUnconfirmed",
                    prefix=_INCOMING,
                    expiration=days(1),
                    # A version stays readable for as long as its event can wait to be replayed.
                    noncurrent_version_expiration=LONGEST_RETENTION,
                ),
                s3.LifecycleRule(
                    id="ExpireQuarantined",
                    prefix=_QUARANTINE,
                    expiration=days(30),
                    noncurrent_version_expiration=days(1),
                ),
                s3.LifecycleRule(id="RemoveLoneDeleteMarkers", expired_object_delete_marker=True),
            ],
        )

    def _make_form_function(self, rules: dict[str, str], expiry: Duration) -> "lambda_.Function":
        function = add_function(
            self,
            "FormFunction",
            handler="upload/form",
            description="Signs forms with which users upload files straight to S3",
            invocation=Invocation.REQUEST,
            environment={
                **rules,
                "BUCKET": self.bucket.bucket_name,
                "EXPIRES_IN": str(expiry.to_seconds()),
            },
        )
        # What the function may do is what a form that it signs can do.
        self._allow_objects(function, {_INCOMING: ["s3:PutObject"]})
        return function

    def _make_confirmation_function(self, rules: dict[str, str], timeout: Duration) -> "lambda_.Function":
        function = add_function(
            self,
            "ConfirmationFunction",
            handler="upload/confirmation",
            description="Checks uploaded files by their bytes and moves them to accepted/ or quarantine/",
            invocation=Invocation.POLLED,
            timeout=timeout,
            environment={**rules, "ACCEPTED_TOPIC": self.accepted_topic.topic_arn},
        )
        self._allow_objects(
            function,
            {
                _INCOMING: ["s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"],
                _ACCEPTED: ["s3:GetObject", "s3:PutObject"],
                _QUARANTINE: ["s3:PutObject", "s3:PutObjectTagging"],
            },
            # Without it S3 answers "denied" instead of "not found" for an object that is gone.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn]),
            iam.PolicyStatement(actions=["sns:Publish"], resources=[self.accepted_topic.topic_arn]),
        )
        self.encryption_key.grant(function, *_USE_KEY)
        return function

    def _allow_objects(
        self, function: "lambda_.Function", actions: dict[str, list[str]], *others: iam.PolicyStatement
    ) -> None:
        allow_on_objects(
            function,
            "Objects",
            self.bucket,
            actions,
            *others,
            reason="Owner, upload and file name are not known before users upload; the prefix bounds what is reached.",
        )
