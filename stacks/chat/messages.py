"""From the table's stream to the consumers of a Region: publisher, fan-out and archive."""

import json
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as cr
from constructs import Construct

from cdp_constructs import QueueConsumer, SnsSqsFanout
from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_each
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute, minutes, seconds
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.queues import add_dead_letter_queue
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
        self._read_stream(table)
        add_alarm(
            self,
            "StreamAgeAlarm",
            self.publisher.metric("IteratorAge", period=minute(), statistic="max"),
            alarm_topic=alarm_topic,
            threshold=60_000,  # milliseconds
            evaluation_periods=3,
            description=f"{path_of(self)}: consumers get messages a minute late or more. Look at the publisher's "
            "errors and throttles.",
        )
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

    def _read_stream(self, table: dynamodb.ITableV2) -> None:
        stream_arn = self._stream_arn(table)
        self.publisher.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                resources=[stream_arn],
            )
        )
        # Lambda checks it when it makes the mapping, and IAM knows no resource for it:
        # https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
        self.publisher.add_to_role_policy(iam.PolicyStatement(actions=["dynamodb:ListStreams"], resources=["*"]))
        acknowledge(
            self.publisher.role or self.publisher,
            "AwsSolutions-IAM5[Resource::*]",
            "Names of streams only: Lambda wants it of the role of a mapping, and IAM has no resource for it.",
        )
        self.failures.grant_send_messages(self.publisher)
        lambda_.EventSourceMapping(
            self,
            "Stream",
            target=self.publisher,
            event_source_arn=stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            # As FilterCriteria.filter() would write them, one call to Node for each.
            filters=[{"pattern": json.dumps(event, separators=(",", ":"))} for event in _events(stack_of(self).region)],
            # A batch is read once and published ten at a time: the last of 100 waits for ten requests of about 15 ms,
            # less than the last of 25 did when each had its own. More would save little, because requests are full,
            # and a record that fails would have more of its neighbours published twice. Consumers order messages
            # themselves, so a busy shard may be worked on by several at once.
            batch_size=100,
            parallelization_factor=10,
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            # A record that never succeeds holds up its shard, a topic that is down for a while must not lose any: at
            # most an hour for both, and then the queue says which part of the stream was left out.
            max_record_age=Duration.hours(1),
            on_failure=event_sources.SqsDlq(self.failures),
        )

    def _stream_arn(self, table: dynamodb.ITableV2) -> str:
        """Look up the stream of this Region's replica at deployment: CloudFormation returns the home Region's only."""
        lookup = cr.AwsCustomResource(
            self,
            "TableStream",
            resource_type="Custom::TableStream",
            on_update=cr.AwsSdkCall(
                service="DynamoDB",
                action="DescribeTable",
                parameters={"TableName": table.table_name},
                output_paths=["Table.LatestStreamArn"],
                physical_resource_id=cr.PhysicalResourceId.from_response("Table.LatestStreamArn"),
            ),
            policy=cr.AwsCustomResourcePolicy.from_statements(
                [iam.PolicyStatement(actions=["dynamodb:DescribeTable"], resources=[table.table_arn])]
            ),
            install_latest_aws_sdk=False,
            memory_size=256,
            timeout=minutes(1),
            log_group=logs.LogGroup(
                self,
                "TableStreamLogs",
                retention=logs.RetentionDays.THREE_MONTHS,
                removal_policy=RemovalPolicy.DESTROY,
            ),
        )
        _acknowledge_provider(stack_of(self))
        return lookup.get_response_field("Table.LatestStreamArn")


def _acknowledge_provider(stack: Stack) -> None:
    """Accept how CDK makes the function behind every AwsCustomResource of a stack."""
    uuid = cr.AwsCustomResource.PROVIDER_FUNCTION_UUID.replace("-", "")
    provider = stack.node.find_child(f"AWS{uuid}")
    managed = "Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    called = "CloudFormation calls it during a deployment, waits for its answer, and fails the deployment without one."
    acknowledge_each(
        provider,
        {
            f"AwsSolutions-IAM4[{managed}]": "CDK's own function: it may write its logs, nothing else.",
            "Serverless-LambdaDLQ": called,
            "Serverless-LambdaTracing": called,
        },
    )
