"""A photo service: users sign in and upload, two services learn of pictures, a CDN delivers them, frames report."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from benchmarks.apps.ours import iot_to_firehose
from cdp_constructs import AuthorizedApi, DirectObjectUpload, PrivateCacheDistribution, SnsSqsFanout

_ORIGINS = ["https://www.example.com"]


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:
    """Add the system."""
    api = AuthorizedApi(stack, f"{name}Api", allowed_origins=_ORIGINS, alarm_topic=operators)
    upload = DirectObjectUpload(
        stack,
        f"{name}Pictures",
        content_types=["image/jpeg"],
        max_size_mb=10,
        allowed_origins=_ORIGINS,
        alarm_topic=operators,
    )
    upload.add_routes(api.api)
    accepted = SnsSqsFanout(stack, f"{name}Accepted", topic=upload.topic, alarm_topic=operators)
    for subscriber in ("Thumbnails", "Search"):
        accepted.add_subscriber(subscriber, filter_policy={"content_type": ["image/jpeg"]})
    files = PrivateCacheDistribution(
        stack, f"{name}Files", bucket=upload.bucket, origin_path="/accepted", alarm_topic=operators
    )
    files.add_routes(api.api)
    iot_to_firehose.build(stack, f"{name}Frames", operators)
