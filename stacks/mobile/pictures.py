"""Pictures of users: uploaded straight to S3, checked, made smaller behind a queue, and shown to their owner only."""

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from constructs import Construct

from cdp_constructs import AuthorizedApi, DirectObjectUpload, ImageThumbnails, PrivateCacheDistribution, SnsSqsFanout
from cdp_constructs.core.http_apis import throttle_routes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_sns as sns

CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp")
# `make install` puts Pillow for Lambda there.
PILLOW_LAYER = Path(__file__).parents[2] / "build" / "layers" / "pillow"


class Pictures(Construct):
    """The way of a picture, with a queue before each function that works on it.

    Attributes:
        upload: Hands out forms, checks what was uploaded, and publishes what it accepts.
        thumbnails: Makes a small picture of each.
        made: The fan-out of pictures that have one.
        delivery: Serves pictures to holders of a signed URL.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: AuthorizedApi,
        allowed_origins: "Sequence[str]",
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        self.upload = DirectObjectUpload(
            self,
            "Upload",
            allowed_origins=allowed_origins,
            content_types=CONTENT_TYPES,
            max_size_mb=10,
            alarm_topic=alarm_topic,
        )
        accepted = SnsSqsFanout(self, "Accepted", topic=self.upload.topic, alarm_topic=alarm_topic)
        self.thumbnails = ImageThumbnails(
            self,
            "Thumbnails",
            fanout=accepted,
            bucket=self.upload.bucket,
            pillow_layer=ImageThumbnails.layer_from_folder(self, "Pillow", PILLOW_LAYER),
            alarm_topic=alarm_topic,
        )
        self.made = SnsSqsFanout(self, "Made", topic=self.thumbnails.topic, alarm_topic=alarm_topic)
        self.delivery = PrivateCacheDistribution(
            self,
            "Delivery",
            bucket=self.upload.bucket,
            origin_path=f"/{self.upload.accepted_prefix}".removesuffix("/"),
            alarm_topic=alarm_topic,
        )
        limits = apigatewayv2.ThrottleSettings(rate_limit=200, burst_limit=100)
        routes = {
            "POST /uploads": self.upload.add_routes(api.api),
            "POST /downloads": self.delivery.add_routes(api.api),
        }
        added = [route for one in routes.values() for route in one]
        throttle_routes(api.api, dict.fromkeys(routes, limits), after=added)
