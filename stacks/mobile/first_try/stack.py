"""A bucket whose pictures get thumbnails in two ways that the library does not offer."""

from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs import ImageThumbnails
from cdp_constructs.core.assets import handler_code
from cdp_constructs.core.functions import ARCHITECTURE, RUNTIME
from stacks.mobile.pictures import PILLOW_LAYER

__all__ = ["EVERY", "FirstTryStack"]

_HANDLERS = Path(__file__).parent / "handlers"
EVERY = Duration.minutes(1)
"""How often the worker is started: EventBridge starts nothing more often."""


class FirstTryStack(Stack):
    """The first try and what followed it, as one writes them by hand.

    ``direct/``: S3 calls a function for each new object. Lambda tries it three times, and then drops the event.
    ``timed/``: S3 sends to a queue, which a worker empties whenever a timer starts it. Nothing is missed.

    Attributes:
        bucket: The pictures; thumbnails are beside them, below ``thumbnails/``.
        pillow_layer: Pillow for Lambda.
    """

    def __init__(self, scope: Construct, construct_id: str, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, description="Thumbnails without a queue: not to be copied", **kwargs)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.pillow_layer = ImageThumbnails.layer_from_folder(self, "Pillow", PILLOW_LAYER)
        direct = self._add_function("OnUpload", "on_upload")
        self.bucket.add_event_notification(
            s3.EventType.OBJECT_CREATED,
            notifications.LambdaDestination(direct),
            s3.NotificationKeyFilter(prefix="direct/"),
        )
        queue = sqs.Queue(
            self,
            "Queue",
            enforce_ssl=True,
            visibility_timeout=Duration.minutes(6),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=sqs.Queue(self, "DeadLetterQueue", enforce_ssl=True), max_receive_count=5
            ),
        )
        self.bucket.add_event_notification(
            s3.EventType.OBJECT_CREATED,
            notifications.SqsDestination(queue),
            s3.NotificationKeyFilter(prefix="timed/"),
        )
        worker = self._add_function("TimedWorker", "timed_worker", QUEUE_URL=queue.queue_url)
        queue.grant_consume_messages(worker)
        timer = events.Rule(self, "Timer", schedule=events.Schedule.rate(EVERY))
        timer.add_target(targets.LambdaFunction(worker))
        outputs = {
            "BucketName": self.bucket.bucket_name,
            "QueueUrl": queue.queue_url,
            "OnUploadName": direct.function_name,
            "TimedWorkerName": worker.function_name,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

    def _add_function(self, construct_id: str, folder: str, **variables: str) -> lambda_.Function:
        function = lambda_.Function(
            self,
            construct_id,
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            handler=f"handlers.{folder}.index.handler",
            code=handler_code(_HANDLERS / folder, shares=["shrinking"]),
            layers=[self.pillow_layer],
            memory_size=512,
            timeout=Duration.seconds(60),
            environment=variables,
        )
        self.bucket.grant_read(function)
        self.bucket.grant_put(function, "thumbnails/*")
        return function
