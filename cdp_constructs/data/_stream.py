"""The stream of the speed layer: how it is made, how Lambda reads it, and its alarms."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import kms, sns, sqs
from cdp_constructs.core.event_sources import consume_stream
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minute

# Readings of one thing in one batch are one write, so a backlog costs less.
_BATCH_SIZE = 500
# Batches of one shard that are worked on at a time; a partition key stays with one of them, so in order.
_PARALLELIZATION = 5
# A function that is taken down by one record halves its batch down to that one, which costs no retries, and then tries
# this often. The same count has to carry a service that does not answer for some minutes.
_RETRIES = 20
_LAG_THAT_ALARMS = Duration.minutes(5)


def add_stream(
    scope: "Construct", *, shards: int | None, encryption_key: "kms.IKey | None", removal_policy: RemovalPolicy
) -> kinesis.Stream:
    """Add a stream, on demand unless shards are counted, encrypted, that keeps records for 7 days."""
    stream = kinesis.Stream(
        scope,
        "Stream",
        stream_mode=kinesis.StreamMode.ON_DEMAND if shards is None else kinesis.StreamMode.PROVISIONED,
        shard_count=shards,
        encryption=kinesis.StreamEncryption.KMS if encryption_key else kinesis.StreamEncryption.MANAGED,
        encryption_key=encryption_key,
        retention_period=days(7),
        removal_policy=removal_policy,
    )
    if encryption_key is not None:
        acknowledge(stream, "AwsSolutions-KDS3", "A customer-managed key was given as encryption_key.")
    return stream


def read_stream(
    scope: "Construct", function: lambda_.Function, stream: "kinesis.IStream", dead_letter_queue: "sqs.IQueue"
) -> None:
    """Let Lambda read the stream for the function, isolate what takes it down, and give that up after some tries.

    Args:
        scope: The speed layer.
        function: Returns ``batchItemFailures``.
        stream: Read from its beginning.
        dead_letter_queue: Receives the places of batches that Lambda gave up.
    """
    reading = stream.grant_read(function)
    mapping = consume_stream(
        scope,
        "Records",
        function,
        stream_arn=stream.stream_arn,
        dead_letter_queue=dead_letter_queue,
        batch_size=_BATCH_SIZE,
        parallelization_factor=_PARALLELIZATION,
        retry_attempts=_RETRIES,
    )
    reading.apply_before(mapping)


def add_stream_alarms(
    scope: "Construct", stream: kinesis.IStream, lag: cloudwatch.Metric, alarm_topic: "sns.ITopic | None"
) -> None:
    """Add the alarms of a layer that falls behind, and of a stream that refuses records.

    Args:
        scope: The speed layer.
        stream: The stream.
        lag: How many milliseconds the layer is behind.
        alarm_topic: Receives the alarms; None leaves them out.
    """
    add_alarm(
        scope,
        "BehindAlarm",
        lag,
        alarm_topic=alarm_topic,
        threshold=_LAG_THAT_ALARMS.to_milliseconds(),
        evaluation_periods=3,
        description=f"{path_of(scope)}: the latest state is minutes old. Look at the function's errors and throttles "
        "and at the table's; a record that is retried holds up its shard until it is sent to a dead-letter queue.",
    )
    refused = cloudwatch.Metric(
        namespace="AWS/Kinesis",
        metric_name="WriteProvisionedThroughputExceeded",
        dimensions_map={"StreamName": stream.stream_name},
        statistic="sum",
        period=minute(),
    )
    add_alarm(
        scope,
        "ThrottledAlarm",
        refused,
        alarm_topic=alarm_topic,
        evaluation_periods=3,
        description=f"{path_of(scope)}: the stream refuses records; producers have to retry. Look for one thing "
        "that sends most of them: a partition key has 1,000 records and 1 MB a second.",
    )
