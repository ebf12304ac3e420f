"""One way to let a function work on a queue: batches, partial failures, a bound of concurrency; failures of streams."""

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


def send_failures_to(mapping: lambda_.EventSourceMapping, dead_letter_queue: sqs.IQueue) -> None:
    """Let a mapping of a stream send the places of batches that Lambda gave up to a queue.

    Args:
        mapping: The function's role may send to the queue.
        dead_letter_queue: The queue.
    """
    # SqsDlq() would import aws_lambda_event_sources, which loads half of the CDK.
    destination = lambda_.CfnEventSourceMapping.OnFailureProperty(destination=dead_letter_queue.queue_arn)
    resource: lambda_.CfnEventSourceMapping = mapping.node.default_child  # type: ignore[assignment]  # its only L1
    resource.destination_config = lambda_.CfnEventSourceMapping.DestinationConfigProperty(on_failure=destination)
