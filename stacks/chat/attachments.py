"""Attachments of one Region: uploaded straight to its bucket, checked, recorded, and delivered to members only."""

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import (
    DirectObjectUpload,
    ImageThumbnails,
    PrivateCacheDistribution,
    QueueConsumer,
    SnsSqsFanout,
    StorageIndex,
)
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.permissions import allow_on_objects
from cdp_constructs.core.tables import leading_keys
from stacks.chat import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

CONTENT_TYPES = (
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "application/pdf",
)
LARGEST_MB = 10

# Addresses of downloads begin below this folder; nothing beside it is reachable from outside.
_ORIGIN_PATH = f"/{DirectObjectUpload.accepted_prefix}".removesuffix("/")
# `make install` puts Pillow for Lambda there.
PILLOW_LAYER = Path(__file__).parents[2] / "build" / "layers" / "pillow"


class Attachments(Construct):
    """Uploads into this Region's bucket, and downloads from it.

    Attributes:
        upload: Hands out forms, checks what was uploaded, and publishes what it accepts.
        accepted: The fan-out of accepted uploads.
        recorder: The subscriber that makes an accepted upload an attachment of its room.
        thumbnails: The subscriber that makes thumbnails of images.
        thumbnail_recorder: The subscriber that notes them with the attachment; its item then has ``thumbnail``.
        index: What is in the bucket, by room and by time, in a table that all Regions share.
        delivery: Serves accepted uploads to holders of a signed URL.
        signing_function_name: Name of the function that signs them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITableV2,
        index_table: dynamodb.ITableV2,
        allowed_origins: "Sequence[str]",
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        self.upload = DirectObjectUpload(
            self,
            "Upload",
            allowed_origins=allowed_origins,
            content_types=CONTENT_TYPES,
            max_size_mb=LARGEST_MB,
            expiry=minutes(5),
            alarm_topic=alarm_topic,
        )
        self.index = StorageIndex(
            self,
            "Index",
            bucket=self.upload.bucket,
            prefix=DirectObjectUpload.accepted_prefix,
            # People search in a room. Thumbnails name none, so they are not found there.
            owner_metadata="room",
            table=index_table,
            alarm_topic=alarm_topic,
        )
        self.accepted = SnsSqsFanout(self, "Accepted", topic=self.upload.topic, alarm_topic=alarm_topic)
        recorder = self._add_recorder(table)
        self.recorder = self.accepted.add_subscriber("Recorder", consumer=QueueConsumer(recorder))
        self.thumbnails = ImageThumbnails(
            self,
            "Thumbnails",
            fanout=self.accepted,
            bucket=self.upload.bucket,
            pillow_layer=ImageThumbnails.layer_from_folder(self, "Pillow", PILLOW_LAYER),
            alarm_topic=alarm_topic,
        )
        made = SnsSqsFanout(self, "Made", topic=self.thumbnails.topic, alarm_topic=alarm_topic)
        self.thumbnail_recorder = made.add_subscriber("Recorder", consumer=QueueConsumer(recorder))
        self.delivery = PrivateCacheDistribution(
            self,
            "Delivery",
            bucket=self.upload.bucket,
            origin_path=_ORIGIN_PATH,
            # Which room a file belongs to, and which upload it was, are the chat's own affair.
            remove_headers=["x-amz-meta-room", "x-amz-meta-source", "x-amz-meta-traceparent"],
            alarm_topic=alarm_topic,
        )
        signing: lambda_.CfnFunction = self.delivery.signing_function.node.default_child  # type: ignore[assignment]
        # The other Regions' APIs name it before it exists. Stack names are unique in a Region, and so is this.
        self.signing_function_name = f"{stack_of(self).stack_name}-SignDownload"
        signing.function_name = self.signing_function_name

    def _add_recorder(self, table: dynamodb.ITableV2) -> "lambda_.Function":
        recorder = add_function(
            self,
            "RecorderFunction",
            handler=HANDLERS / "attachment_recorder",
            shares=["domain"],
            description="Records accepted uploads and their thumbnails as attachments of their rooms",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            environment={"TABLE_NAME": table.table_name},
        )
        recorder.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:BatchGetItem", "dynamodb:UpdateItem"],
                resources=[table.table_arn],
                conditions=leading_keys("ROOM"),
            )
        )
        allow_on_objects(
            recorder,
            "Uploads",
            self.upload.bucket,
            {self.upload.accepted_prefix: ["s3:DeleteObject", "s3:DeleteObjectVersion"]},
            reason="The recorder deletes accepted uploads of who is not in the room any more, whoever that is; they "
            "are below accepted/.",
        )
        return recorder
