"""ImageThumbnails: a small picture of every accepted image, with a queue between, so that none is missed."""

from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, kms, sqs
from cdp_constructs.core.functions import ARCHITECTURE, RUNTIME, Invocation, add_function
from cdp_constructs.core.keys import USE_KEY, add_key
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.queues import metric_oldest_message
from cdp_constructs.core.validation import (
    InvalidOptionError,
    check_duration,
    check_range,
    check_standard,
)
from cdp_constructs.messaging.queue_consumer import QueueConsumer
from cdp_constructs.upload._upload_bucket import ACCEPTED

# Those that the handler knows a decoder for. HEIC is none: Pillow does not read it.
_CONTENT_TYPES = (
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/vnd.microsoft.icon",
    "image/webp",
)
_SMALLEST, _LARGEST = 16, 2048
# 64 megapixels decoded and converted once, beside the file itself; and most of a core.
_MEMORY = 1536
_TIMEOUT = Duration.seconds(60)
_UNREADABLE_THAT_ALARM = 10


@checks_options
class ImageThumbnails(Construct):
    """A queue of accepted uploads and a function that makes a small WebP of each image among them.

    CDP: Queuing Chain / キューイングチェーン パターン, behind Direct Object Upload.

    The thumbnail of ``accepted/<owner>/<upload_id>/<name>`` is ``accepted/<owner>/<upload_id>/thumbnail/320.webp``:
    upright, without EXIF, of an animation the first frame. JPEG, PNG, GIF, WebP, AVIF, BMP and icons up to 50 MB and 64
    megapixels get one, if they decode in time.

        thumbnails = ImageThumbnails(
            self,
            "Thumbnails",
            fanout=SnsSqsFanout(self, "Accepted", topic=upload.topic),
            bucket=upload.bucket,
            pillow_layer=ImageThumbnails.layer_from_folder(self, "Pillow", "build/layers/pillow"),
        )
        SnsSqsFanout(self, "Made", topic=thumbnails.topic).add_subscriber("Gallery")

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        fanout: Publishes accepted uploads: ``SnsSqsFanout(self, "Accepted", topic=upload.topic)``.
        bucket: The bucket of the uploads; nothing on it is changed.
        pillow_layer: A layer with Pillow for the function's Python and architecture; ``layer_from_folder()`` makes one.
        prefix: Folder of the accepted objects. Default: ``DirectObjectUpload.accepted_prefix``.
        pixels: Longer side of a thumbnail, 16 to 2,048; 320 by default. Smaller images keep their size.
        decoding_timeout: An image whose decoding takes longer counts as unreadable, 1 to 40 seconds; 10 seconds by
            default. The rest of the function's 60 seconds is for S3 and SNS.
        topic: An existing topic of the stack's Region for the messages about thumbnails; by default one is made.
        encryption_key: A customer-managed key for topic and log, or the key of an existing topic. By default the
            existing topic's own; for a new topic the fan-out's, and without that one is made. The queues have the
            fan-out's.
        alarm_topic: Receives the alarms; by default those of the queues go to the fan-out's, and there is no other.
        log_retention: How long the function's logs are kept; 3 months by default.
        removal_policy: What happens to a key that is made here and to the log group when the stack is deleted; they are
            kept by default.

    Raises:
        InvalidOptionError: for a prefix without ``/`` at its end, a number out of range, resources of another Region.
    """

    topic: sns.ITopic
    """Receives a message for each thumbnail: the one about the upload, with ``thumbnail`` added."""
    encryption_key: "kms.IKey | None"
    """The topic's key; None for an existing topic whose key is not known."""
    bucket: s3.IBucket
    """Holds the images and their thumbnails."""
    function: lambda_.Function
    """Makes the thumbnails."""
    queue: "sqs.IQueue"
    """Holds accepted images until they have one."""
    dead_letter_queue: "sqs.IQueue"
    """Keeps those that failed, for 14 days."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fanout: "cdp_constructs.SnsSqsFanout",
        bucket: s3.IBucket,
        pillow_layer: lambda_.ILayerVersion,
        prefix: str = ACCEPTED,
        pixels: int = 320,
        decoding_timeout: Duration | None = None,
        topic: sns.ITopic | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        check_range(
            self,
            "pixels",
            pixels,
            low=_SMALLEST,
            high=_LARGEST,
            unit="pixels",
            source="a larger one is no thumbnail, and the function's memory is made for these",
        )
        patience = decoding_timeout or seconds(10)
        check_duration(
            self, "decoding_timeout", patience, low=seconds(1), high=seconds(40), source="the function has 60 seconds"
        )
        check_standard(self, "topic", topic)
        if not prefix.endswith("/"):
            raise InvalidOptionError(self, "prefix", f"is {prefix!r}", f"Use {prefix + '/'!r}, a folder of the bucket")
        self.bucket = bucket
        self.encryption_key = encryption_key or (fanout.encryption_key if topic is None else topic.master_key)
        if self.encryption_key is None and topic is None:
            self.encryption_key = add_key(
                self,
                "EncryptionKey",
                description=f"Encrypts the topic of {path_of(self)}",
                removal_policy=removal_policy,
            )
        self.topic = topic or sns.Topic(self, "Topic", master_key=self.encryption_key, enforce_ssl=True)
        self.function = add_function(
            self,
            "Function",
            handler="upload/thumbnails",
            description="Makes thumbnails of accepted images",
            invocation=Invocation.EVENT_SOURCE,
            publishes_metrics=True,
            correlates=True,
            layers=[pillow_layer],
            memory_size=_MEMORY,
            timeout=_TIMEOUT,
            environment={
                "DECODING_SECONDS": str(patience.to_seconds()),
                "PIXELS": str(pixels),
                "TOPIC_ARN": self.topic.topic_arn,
            },
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        self._allow_images(self.function, prefix)
        subscriber = fanout.add_remote_subscriber(
            self,
            "Images",
            # An image that takes the function down with it must not take others along.
            consumer=QueueConsumer(self.function, batch_size=1),
            filter_policy={"content_type": list(_CONTENT_TYPES)},
            alarm_topic=alarm_topic,
        )
        self.queue = subscriber.queue
        self.dead_letter_queue = subscriber.dead_letter_queue
        add_alarm(
            self,
            "UnreadableAlarm",
            self.metric_rejected(),
            alarm_topic=alarm_topic,
            threshold=_UNREADABLE_THAT_ALARM,
            description=f"{path_of(self)}: many images got no thumbnail within 5 minutes, because they could not be "
            "read. Look at the reasons in the function's log: somebody tries, or a client sends broken files.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    @staticmethod
    def layer_from_folder(scope: Construct, construct_id: str, folder: str | Path) -> lambda_.LayerVersion:
        """Make the layer from a folder into which Pillow was installed for Lambda; nothing is downloaded at synthesis.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            folder: Holds ``python/PIL`` for Python 3.14 on arm64; the error says with which command it is filled.

        Raises:
            InvalidOptionError: when the folder holds no Pillow, or one for another Python or processor.
        """
        version = RUNTIME.name.removeprefix("python")
        wanted = f"cpython-{version.replace('.', '')}-aarch64-linux-gnu"
        if not (Path(folder) / "python" / "PIL" / f"_imaging.{wanted}.so").is_file():
            found = sorted(path.name for path in Path(folder).glob("python/PIL/_imaging.*"))
            raise InvalidOptionError(
                f"{scope.node.path}/{construct_id}",
                "folder",
                f"is {str(folder)!r}, which has "
                + (f"Pillow for another target ({found[0]})" if found else "no Pillow"),
                f"Run: pip install --only-binary :all: --python-version {version} --platform manylinux_2_28_aarch64 "
                f"--target {folder}/python pillow",
            )
        return lambda_.LayerVersion(
            scope,
            construct_id,
            description=f"Pillow for {RUNTIME.name} on {ARCHITECTURE.name}",
            code=lambda_.Code.from_asset(str(folder), exclude=["**/__pycache__", "**/*.pyc"]),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
        )

    def metric_made(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Thumbnails that were made. Sum over 5 minutes by default."""
        return function_metric(self.function, "MadeThumbnails", period=period)

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Images that got no thumbnail because they could not be read. Sum over 5 minutes by default."""
        return function_metric(self.function, "UnreadableImages", period=period)

    def metric_lag(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest image that waits for its thumbnail. Maximum per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Uploads that wait in the dead-letter queue. Maximum per minute by default."""
        return self.dead_letter_queue.metric_approximate_number_of_messages_visible(
            period=period or minute(), statistic="max"
        )

    def _allow_images(self, function: lambda_.Function, prefix: str) -> None:
        images, thumbnails = (self.bucket.arn_for_objects(f"{prefix}{end}") for end in ("*", "*/thumbnail/*"))
        statements = [
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[images]),
            iam.PolicyStatement(actions=["s3:PutObject"], resources=[thumbnails]),
            # Without it S3 answers "denied" instead of "not found" for an object that is gone.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn]),
            iam.PolicyStatement(actions=["sns:Publish"], resources=[self.topic.topic_arn]),
        ]
        allow_on_prefixes(
            function,
            "Images",
            statements,
            prefixes=[images, thumbnails],
            reason="Owner and upload are not known before users upload. It reads accepted objects, and writes only "
            "into the folders thumbnail/ beside them, where no upload can be.",
        )
        for key in (self.bucket.encryption_key, self.encryption_key):
            if key is not None:
                key.grant(function, *USE_KEY)
