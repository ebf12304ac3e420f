"""Image thumbnails: a small picture of every accepted image, with a queue between, so that none is missed."""

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import ARCHITECTURE, RUNTIME, Invocation, add_function, allow_on_prefixes
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.validation import InvalidOptionError, check_range

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms

    from cdp_constructs.messaging.sns_sqs_fanout import SnsSqsFanout

# Those that the handler knows a decoder for. HEIC is none: Pillow does not read it.
_CONTENT_TYPES = ("image/avif", "image/gif", "image/jpeg", "image/png", "image/webp")
_SMALLEST, _LARGEST = 16, 2048
# 64 megapixels decoded and converted once, beside the file itself; and most of a core.
_MEMORY = 1536
_TIMEOUT = Duration.seconds(60)
_UNREADABLE_THAT_ALARM = 10
_USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")


class ImageThumbnails(Construct):
    """Make a thumbnail of every image that ``DirectObjectUpload`` accepts.

    Problem: a function that S3 calls for each new image sometimes misses one: the call fails, is throttled or times
    out, and nobody notices. Solution: accepted uploads wait in a queue of their own until their thumbnail exists. What
    failed around an image is tried five times and then kept in a dead-letter queue with an alarm; an image that cannot
    be read is counted and holds up nobody, because every image is a call of its own.

    The thumbnail of ``accepted/<owner>/<upload_id>/<name>`` is ``accepted/<owner>/<upload_id>/thumbnail/320.webp``:
    beside the object, so whatever delivers or deletes the owner's files reaches it too, and where no upload can be. It
    is a WebP that fits into a square, upright (EXIF orientation), of an animation the first frame, without EXIF and so
    without the place where a photo was taken. It is written once. Then ``thumbnail_topic`` hears the message about the
    upload with ``thumbnail`` beside (``key``, ``content_type``, ``size``, ``width``, ``height``), maybe twice.

    Not for: previews of documents and videos, and sizes chosen per request (a resizer behind the distribution does
    that).

    CDP: Queuing Chain / キューイングチェーン パターン, behind Direct Object Upload.

    Limits: files of 50 MB and 64 megapixels; JPEG, PNG, GIF, WebP and AVIF. Others are left without a thumbnail.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        fanout: Publishes accepted uploads: ``SnsSqsFanout(self, "Accepted", topic=upload.accepted_topic)``.
        bucket: The bucket of the uploads; nothing on it is changed.
        pillow_layer: A layer with Pillow for the function's Python and architecture; ``layer_from_folder()`` makes one.
        prefix: Folder of the accepted objects; ``accepted/`` by default.
        pixels: Longer side of a thumbnail, 16 to 2,048; 320 by default. Smaller images keep their size.
        encryption_key: Encrypts ``thumbnail_topic``; by default the fan-out's key, and without that one is made.
        alarm_topic: Receives the alarms; by default those of the queues go to the fan-out's, and there is no other.

    Attributes:
        thumbnail_topic: Hears of every thumbnail. Subscribe with ``SnsSqsFanout(self, "Made", topic=…)``.
        function: Makes the thumbnails.
        queue: Holds accepted images until they have one.
        dead_letter_queue: Keeps those that failed.

    Raises:
        InvalidOptionError: for a prefix without ``/`` at its end, or a size out of range.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fanout: "SnsSqsFanout",
        bucket: s3.IBucket,
        pillow_layer: lambda_.ILayerVersion,
        prefix: str = "accepted/",
        pixels: int = 320,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
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
        if not prefix.endswith("/"):
            raise InvalidOptionError(self, "prefix", f"is {prefix!r}", f"Use {prefix + '/'!r}, a folder of the bucket")
        key = encryption_key or fanout.encryption_key
        if key is None:
            key = add_key(self, "EncryptionKey", description=f"Encrypts the topic of {path_of(self)}")
        self.thumbnail_topic: sns.ITopic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        self.function: lambda_.IFunction = self._make_function(bucket, prefix, pixels, pillow_layer)
        key.grant(self.function, *_USE_KEY)
        subscriber = fanout.add_subscriber(
            "Images",
            scope=self,
            handler=self.function,
            filter_policy={"content_type": list(_CONTENT_TYPES)},
            # An image that takes the function down with it must not take others along.
            batch_size=1,
            alarm_topic=alarm_topic,
        )
        self.queue = subscriber.queue
        self.dead_letter_queue = subscriber.dead_letter_queue
        self._subscriber = subscriber
        add_alarm(
            self,
            "UnreadableAlarm",
            self.metric_unreadable(),
            alarm_topic=alarm_topic,
            threshold=_UNREADABLE_THAT_ALARM,
            description=f"{path_of(self)}: many images got no thumbnail within 5 minutes, because they could not be "
            "read. Look at the reasons in the function's log: somebody tries, or a client sends broken files.",
        )

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
                f"{str(folder)!r} has " + (f"Pillow for another target ({found[0]})" if found else "no Pillow"),
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
        """Thumbnails that were made, per 5 minutes by default."""
        return self._metric("MadeThumbnails", period)

    def metric_unreadable(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Images that got no thumbnail because they could not be read, per 5 minutes by default."""
        return self._metric("UnreadableImages", period)

    def metric_oldest_image(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest image that waits for its thumbnail, per minute by default."""
        return self._subscriber.metric_oldest_message(period=period)

    def _metric(self, name: str, period: Duration | None) -> "cloudwatch.Metric":
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="CdpConstructs",
            metric_name=name,
            dimensions_map={"function_name": self.function.function_name},
            statistic="sum",
            period=period or minutes(5),
        )

    def _make_function(
        self, bucket: s3.IBucket, prefix: str, pixels: int, pillow_layer: lambda_.ILayerVersion
    ) -> lambda_.Function:
        function = add_function(
            self,
            "Function",
            handler="upload/thumbnails",
            description="Makes thumbnails of accepted images",
            invocation=Invocation.POLLED,
            layers=[pillow_layer],
            memory_size=_MEMORY,
            timeout=_TIMEOUT,
            environment={"PIXELS": str(pixels), "TOPIC_ARN": self.thumbnail_topic.topic_arn},
        )
        images, thumbnails = bucket.arn_for_objects(f"{prefix}*"), bucket.arn_for_objects(f"{prefix}*/thumbnail/*")
        statements = [
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[images]),
            iam.PolicyStatement(actions=["s3:PutObject"], resources=[thumbnails]),
            # Without it S3 answers "denied" instead of "not found" for an object that is gone.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn]),
            iam.PolicyStatement(actions=["sns:Publish"], resources=[self.thumbnail_topic.topic_arn]),
        ]
        allow_on_prefixes(
            function,
            "Images",
            statements,
            prefixes=[images, thumbnails],
            reason="Owner and upload are not known before users upload. It reads accepted objects, and writes only "
            "into the folders thumbnail/ beside them, where no upload can be.",
        )
        if bucket.encryption_key is not None:
            bucket.encryption_key.grant(function, *_USE_KEY)
        return function
