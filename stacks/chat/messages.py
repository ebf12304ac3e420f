"""From the table's stream to the consumers of a Region: publisher, fan-out and archive."""

from typing import TYPE_CHECKING

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import QueueConsumer, SnsSqsFanout
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.table_streams import add_stream_age_alarm, look_up_stream, read_table_stream
from stacks.chat import HANDLERS

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns


# Entries that end by themselves are renewed all the time. A renewal of a presence changes nothing that anybody sees;
# one of typing does, because clients let it lapse after a few seconds.
_SEEN = {"PRESENCE#": ["joined", "left"], "TYPING#": ["joined", "renewed", "left"]}


def _events(region: str) -> list[dict[str, object]]:
    """Return the filters of the changes that are published in a Region; Lambda drops all others, free of charge."""
    changed = ["INSERT", "MODIFY"]

    def of(events: list[str], *names: object, **image: object) -> dict[str, object]:
        return {"eventName": events, "dynamodb": {"Keys": {"sk": {"S": list(names)}}, **image}}

    entries = [of(changed, {"prefix": kind}, NewImage={"change": {"S": seen}}) for kind, seen in _SEEN.items()]
    # Each Region has channels of its own, and announces no other's.
    members = of(changed, {"prefix": "MEMBER#"}, f"CHANNEL#{region}")
    thumbnails = of(changed, {"prefix": "ATTACHMENT#"}, NewImage={"thumbnail": {"BOOL": [True]}})
    return [of(["INSERT"], {"prefix": "MESSAGE#"}, {"prefix": "CHANGE#"}), members, *entries, thumbnails]


class Messages(Construct):
    """Publishes changes of rooms as they reach this Region's replica, and archives the messages.

    The stream of a replica carries local and replicated writes, so what happens in any Region reaches the consumers of
    every Region. A published body is what live clients get.

    Attributes:
        fanout: Where consumers subscribe. Message attributes: ``kind``, ``room``, ``region`` (of a message: that
            accepted it) and ``channel`` (where it is live in this Region).
        publisher: Reads the stream and publishes.
        failures: The dead-letter queue: which parts of the stream could not be published.
        archive: The subscriber that keeps all messages.
        archive_bucket: Where it keeps them; every Region keeps all, so the loss of one loses nothing.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, table: dynamodb.ITableV2, alarm_topic: "sns.ITopic"
    ) -> None:
        super().__init__(scope, construct_id)
        self.fanout = SnsSqsFanout(self, "Fanout", alarm_topic=alarm_topic)
        self.publisher = add_function(
            self,
            "Publisher",
            handler=HANDLERS / "publisher",
            shares=["domain"],
            description="Publishes changes of the chat's table to the Region's topic",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            environment={"TOPIC_ARN": self.fanout.topic.topic_arn, "TABLE_NAME": table.table_name},
            timeout=seconds(30),
        )
        share_module(self, self.publisher, layer="messaging/transactional_outbox", environment={})
        self.fanout.grant_publish(self.publisher)
        self.publisher.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:BatchGetItem", "dynamodb:UpdateItem"],
                resources=[table.table_arn],
                # The channels' items are in the rooms' partitions.
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROOM#*"]}},
            )
        )
        self.failures = add_dead_letter_queue(
            self, "Failures", alarm_topic=alarm_topic, holds="parts of the table's stream that could not be published"
        )
        read_table_stream(
            self,
            "Stream",
            self.publisher,
            stream_arn=look_up_stream(self, "TableStream", table),
            filters=_events(stack_of(self).region),
            dead_letter_queue=self.failures,
        )
        add_stream_age_alarm(self, "StreamAgeAlarm", self.publisher, alarm_topic=alarm_topic)
        self.archive_bucket = add_private_bucket(self, "ArchiveBucket")
        archiver = add_function(
            self,
            "Archiver",
            handler=HANDLERS / "message_archive",
            shares=["domain"],
            description="Keeps all messages of the chat, a batch in each object",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            environment={"BUCKET_NAME": self.archive_bucket.bucket_name},
            # A batch is up to 6 MB, and is in memory as text, as messages and as the object.
            memory_size=512,
        )
        objects = self.archive_bucket.arn_for_objects("messages/*")
        allow_on_prefixes(
            archiver,
            "Archive",
            # Not grant_put(): it would also allow retention settings, legal holds and s3:Abort*.
            [iam.PolicyStatement(actions=["s3:PutObject"], resources=[objects])],
            prefixes=[objects],
            reason="The archiver may write messages of any time, and messages only: their keys start with messages/.",
        )
        self.archive = self.fanout.add_subscriber(
            "Archive",
            # Each batch is an object, and requests are what an archive costs, so it gathers messages. Lambda ends a
            # batch earlier when it has 6 MB (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html).
            consumer=QueueConsumer(archiver, batch_size=1000, batching_window=seconds(10)),
            filter_policy={"kind": ["message", "change"]},
        )
