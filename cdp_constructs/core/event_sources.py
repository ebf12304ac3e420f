"""One way to let a function work on a queue: batches, partial failures, a bound of concurrency; failures of streams."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge


def consume_queue(
    scope: Construct,
    construct_id: str,
    function: lambda_.IFunction,
    queue: sqs.IQueue,
    *,
    batch_size: int = 10,
    max_concurrency: int = 10,
    batching_window: Duration | None = None,
) -> lambda_.EventSourceMapping:
    """Let a function work on a queue's messages in batches, of which only the failed ones are delivered again.

    Args:
        scope: The pattern that owns the consumer.
        construct_id: Id of the event source mapping inside ``scope``.
        function: Returns ``batchItemFailures``; Powertools' batch processor does.
        queue: The queue; its visibility timeout is at least six times the function's timeout.
        batch_size: 1 to 10,000; above 10 a ``batching_window`` is required (and FIFO queues stop at 10).
        max_concurrency: 2 to 1,000 batches worked on at a time; keeps a backlog from taking the account's concurrency.
        batching_window: How long to wait for a full batch, up to 5 minutes. Not for FIFO queues.
    """
    queue.grant_consume_messages(function)
    mapping = lambda_.EventSourceMapping(
        scope,
        construct_id,
        target=function,
        event_source_arn=queue.queue_arn,
        batch_size=batch_size,
        max_concurrency=max_concurrency,
        max_batching_window=batching_window,
        report_batch_item_failures=True,
    )
    acknowledge(
        mapping,
        "Serverless-LambdaEventSourceMappingDestination",
        "SQS sources take no destination: what fails stays in the queue and moves to its dead-letter queue.",
    )
    return mapping


def consume_stream(
    scope: Construct,
    construct_id: str,
    function: lambda_.IFunction,
    *,
    stream_arn: str,
    dead_letter_queue: sqs.IQueue,
    batch_size: int,
    parallelization_factor: int,
    retry_attempts: int | None = None,
    max_record_age: Duration | None = None,
    filters: "Sequence[Mapping[str, str]] | None" = None,
) -> lambda_.EventSourceMapping:
    """Let a function work on a stream from its oldest record on, in batches that are cut where a record fails.

    Args:
        scope: The pattern that owns the consumer.
        construct_id: Id of the event source mapping inside ``scope``.
        function: Returns ``batchItemFailures``, or raises when the first record of a batch failed. Its role may read
            the stream and send to the queue.
        stream_arn: Of a Kinesis stream, or of a table's stream.
        dead_letter_queue: Receives the places of batches that Lambda gave up.
        batch_size: 1 to 10,000 records.
        parallelization_factor: Batches of a shard that are worked on at a time, 1 to 10.
        retry_attempts: How often a batch is retried. Default: until its records are too old.
        max_record_age: How old a record may be. Default: as old as the stream keeps it.
        filters: Patterns as ``FilterCriteria.filter()`` writes them, one call to Node for each.
    """
    mapping = lambda_.EventSourceMapping(
        scope,
        construct_id,
        target=function,
        event_source_arn=stream_arn,
        starting_position=lambda_.StartingPosition.TRIM_HORIZON,
        filters=filters,
        batch_size=batch_size,
        parallelization_factor=parallelization_factor,
        report_batch_item_failures=True,
        bisect_batch_on_error=True,
        retry_attempts=retry_attempts,
        max_record_age=max_record_age,
    )
    _send_failures_to(mapping, dead_letter_queue)
    return mapping


def _send_failures_to(mapping: lambda_.EventSourceMapping, dead_letter_queue: sqs.IQueue) -> None:
    # SqsDlq() would import aws_lambda_event_sources, which loads half of the CDK.
    destination = lambda_.CfnEventSourceMapping.OnFailureProperty(destination=dead_letter_queue.queue_arn)
    resource: lambda_.CfnEventSourceMapping = mapping.node.default_child  # type: ignore[assignment]  # its only L1
    resource.destination_config = lambda_.CfnEventSourceMapping.DestinationConfigProperty(on_failure=destination)
