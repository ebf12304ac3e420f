"""DirectObjectUpload: files go straight to S3 and count only after their bytes were checked."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import apigatewayv2, cloudwatch, kms, lambda_, sqs
from cdp_constructs.core.event_sources import consume_queue
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.object_events import OBJECT_CREATED, queue_object_events
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, minutes, seconds
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue, metric_oldest_message
from cdp_constructs.core.validation import (
    check_duration,
    check_exclusive,
    check_range,
    check_standard,
)
from cdp_constructs.upload._upload_bucket import ACCEPTED, INCOMING, QUARANTINE, add_upload_bucket, receive_uploads
from cdp_constructs.upload._upload_functions import UploadFunctions, check_content_types, check_text_encodings

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


@checks_options
class DirectObjectUpload(Construct):
    """A bucket that users upload to with signed forms, a check of what arrived, and a topic of accepted uploads.

    CDP: Direct Object Upload / ダイレクトオブジェクトアップロード パターン.

    A function signs a form for one key, one type and a range of sizes; S3 enforces it. S3's event starts the
    confirmation, which reads the first bytes and moves the object from ``incoming/`` to ``accepted/`` or
    ``quarantine/``. It is no virus scanner.

        upload = DirectObjectUpload(
            self, "Pictures", content_types=["image/jpeg"], max_size_mb=10, allowed_origins=["https://www.example.com"]
        )
        upload.add_routes(api, path="/uploads")
        SnsSqsFanout(self, "Accepted", topic=upload.topic).add_subscriber("Gallery")

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        content_types: The types that are accepted, each one whose first bytes are known
            (``cdp_constructs/upload/handlers/confirmation/signatures.json``): images, video, audio, PDF, Office, zip,
            text. Types that run scripts, such as HTML and SVG, are not among them.
        max_size_mb: Largest file in megabytes of 1,000,000 bytes, 1 to 5,000: CopyObject moves at most 5 GiB
            (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html).
        allowed_origins: Web origins whose pages may upload, such as ``https://chat.example.com``; ``[]`` for none.
            An error with an existing bucket, whose CORS rules are not changed. Default: none, with ``bucket``.
        expiry: How long a form can be used, 1 second to 1 hour; 5 minutes by default.
        text_encodings: Encodings in which text (``text/plain``, ``text/csv``, JSON) is accepted: ``utf-8``, ``utf-16``
            (with its byte order mark), ``cp932``, ``cp1252``; by default UTF-8 only. Nothing is converted, and
            consumers find out which it is.
        bucket: An existing versioned bucket of the stack's Region that sends its events to EventBridge and receives no
            other uploads. It is not changed: CORS, expiry and TLS-only policy must be there. By default one is made:
            private, versioned, TLS only.
        topic: An existing topic of the stack's Region for accepted uploads; by default one is made.
        encryption_key: A customer-managed key for what is made here: topic, bucket, queues and logs; or the key of an
            existing topic. By default the existing topic's own; for a new topic a key is made, and S3 and SQS encrypt
            with keys of their own.
        alarm_topic: Receives the alarms; by default there are none.
        log_retention: How long the functions' logs are kept; 3 months by default.
        removal_policy: What happens to bucket, key and log groups when the stack is deleted; they are kept by default.
            An error with an existing bucket.

    Raises:
        InvalidOptionError: for an unknown content type, a size or expiry out of range, missing or wrong origins, a
            bucket that receives other uploads or sends no events to EventBridge, and resources of another Region.
    """

    incoming_prefix = INCOMING
    """Where forms let users upload: ``incoming/<owner>/<upload_id>/<name>``."""
    accepted_prefix = ACCEPTED
    """Where accepted objects are."""
    quarantine_prefix = QUARANTINE
    """Where rejected objects are for 30 days, with the tag ``reason``; what a form is used for again is deleted."""

    bucket: s3.IBucket
    """Holds the objects."""
    topic: sns.ITopic
    """Receives a message for each accepted object."""
    encryption_key: "kms.IKey | None"
    """The topic's key; None for an existing topic whose key is not known."""
    form_function: "lambda_.Function"
    """Issues forms and completes uploads in parts, for an HTTP API and for direct invocation."""
    confirmation_function: "lambda_.Function"
    """Accepts or rejects each object."""
    queue: "sqs.Queue"
    """Holds S3's events until they are decided about."""
    dead_letter_queue: "sqs.Queue"
    """Keeps the events that failed, for 14 days."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        content_types: Sequence[str],
        max_size_mb: int,
        allowed_origins: Sequence[str] | None = None,
        expiry: Duration | None = None,
        text_encodings: Sequence[str] = ("utf-8",),
        bucket: s3.IBucket | None = None,
        topic: sns.ITopic | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        expiry = expiry or minutes(5)
        creation_only: dict[str, object] = {"allowed_origins": allowed_origins, "removal_policy": removal_policy}
        check_exclusive(self, {"bucket": bucket}, creation_only)
        check_standard(self, "topic", topic)
        check_range(self, "max_size_mb", max_size_mb, low=1, high=_LARGEST_MB, unit="MB", source=_COPY_LIMIT)
        check_duration(self, "expiry", expiry, low=seconds(1), high=_LONGEST_EXPIRY, source=_EXPIRY_LIMIT)
        check_content_types(self, content_types)
        check_text_encodings(self, text_encodings)
        functions = UploadFunctions(
            self,
            content_types,
            max_size_mb,
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )

        self.bucket = bucket or add_upload_bucket(
            self, allowed_origins, encryption_key=encryption_key, removal_policy=removal_policy
        )
        receive_uploads(self, self.bucket)
        self.encryption_key = encryption_key or (
            add_key(
                self,
                "EncryptionKey",
                description=f"Encrypts the topic of {path_of(self)}",
                removal_policy=removal_policy,
            )
            if topic is None
            else topic.master_key
        )
        self.topic = topic or sns.Topic(self, "AcceptedTopic", master_key=self.encryption_key, enforce_ssl=True)
        self.form_function = functions.add_form_function(self.bucket, expiry)
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="events of uploads that were not decided about",
            encryption_key=encryption_key,
        )
        timeout = 30 if max_size_mb <= _LARGEST_POST_MB else 120
        self.queue = add_work_queue(
            self,
            "Queue",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=seconds(6 * timeout),
            encryption_key=encryption_key,
        )
        self.confirmation_function = functions.add_confirmation_function(
            self.bucket, self.topic, self.encryption_key, text_encodings=text_encodings, timeout=seconds(timeout)
        )
        consume_queue(self, "Confirmation", self.confirmation_function, self.queue, batch_size=5)
        queue_object_events(
            self,
            "Uploads",
            bucket=self.bucket,
            prefix=INCOMING,
            detail_types=[OBJECT_CREATED],
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
            encryption_key=encryption_key,
        )
        add_alarm(
            self,
            "RejectedAlarm",
            self.metric_rejected(),
            alarm_topic=alarm_topic,
            threshold=_REJECTIONS_THAT_ALARM,
            description=f"{path_of(self)}: many uploads were rejected within 5 minutes. Look at the tag 'reason' of "
            f"the objects below {QUARANTINE}: somebody tries, or a client sends wrong types.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def add_routes(
        self,
        api: "apigatewayv2.IHttpApi",
        *,
        path: str = "/uploads",
        authorizer: "apigatewayv2.IHttpRouteAuthorizer | None" = None,
    ) -> "list[apigatewayv2.HttpRoute]":
        """Let signed-in users ask for forms with ``POST <path>``; without a valid token the API answers 401.

        Args:
            api: The HTTP API. Its CORS settings are its own.
            path: Path of the route.
            authorizer: A JWT authorizer; the token's ``sub`` becomes the owner of the objects. The API's default
                authorizer by default.

        Raises:
            InvalidOptionError: when neither an authorizer was given nor the API has a default one.
        """
        # Imported here: whoever invokes the function from an API of their own does not pay for it.
        from cdp_constructs.core.http_apis import add_function_routes

        routes = {f"Route{path}": f"POST {path}"}
        return add_function_routes(self, api, self.form_function, routes, integration_id="Form", authorizer=authorizer)

    def grant_issue(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let another function issue forms on behalf of users, by invoking ``form_function``."""
        return self.form_function.grant_invoke(grantee)

    def metric_accepted(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Uploads that were accepted. Sum over 5 minutes by default."""
        return function_metric(self.confirmation_function, "AcceptedUploads", period=period)

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Uploads that were rejected. Sum over 5 minutes by default."""
        return function_metric(self.confirmation_function, "RejectedUploads", period=period)

    def metric_lag(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest upload that waits for its confirmation. Maximum per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Events that wait in the dead-letter queue. Maximum per minute by default."""
        return self.dead_letter_queue.metric_approximate_number_of_messages_visible(
            period=period or minute(), statistic="max"
        )
