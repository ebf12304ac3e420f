"""One way to make a queue: encrypted, TLS only, and with a place for what failed."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute

# The longest that SQS keeps a message; an operator who was away for a long weekend still finds it.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LONGEST_RETENTION = Duration.days(14)

# KMS is asked once an hour and queue instead of once per five minutes; SQS allows 1 minute to 24 hours.
_DATA_KEY_REUSE = Duration.hours(1)


def add_dead_letter_queue(
    scope: Construct,
    construct_id: str,
    *,
    alarm_topic: sns.ITopic | None,
    holds: str,
    fifo: bool = False,
    encryption_key: kms.IKey | None = None,
) -> sqs.Queue:
    """Add a queue that keeps failed messages for 14 days and an alarm for the first of them.

    Args:
        scope: The pattern that needs a place for failures.
        construct_id: Id of the queue inside ``scope``; the alarm is called ``<construct_id>Alarm``.
        alarm_topic: Receives the alarm; None leaves the alarm out.
        holds: What its messages are, for the alarm text, such as "messages that the consumer failed on".
        fifo: Whether the source is a FIFO queue, topic or subscription.
        encryption_key: A customer-managed key; by default SQS encrypts with a key of its own.
    """
    queue = sqs.Queue(
        scope,
        construct_id,
        fifo=True if fifo else None,
        retention_period=LONGEST_RETENTION,
        enforce_ssl=True,
        encryption=_encryption(encryption_key),
        encryption_master_key=encryption_key,
        data_key_reuse=_DATA_KEY_REUSE if encryption_key is not None else None,
    )
    alarmed = " and raise an alarm" if alarm_topic is not None else ""
    reason = f"This queue is the place for failures itself; its messages are kept 14 days{alarmed}."
    acknowledge(queue, ["AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"], reason)
    add_alarm(
        scope,
        f"{construct_id}Alarm",
        metric_dead_letters(queue),
        alarm_topic=alarm_topic,
        description=f"{path_of(scope)}: {construct_id} holds {holds}. Read one, fix the cause, then replay them.",
    )
    return queue


def add_work_queue(
    scope: Construct,
    construct_id: str,
    *,
    dead_letter_queue: sqs.IQueue,
    visibility_timeout: Duration,
    max_receive_count: int = 5,
    fifo: bool = False,
    encryption_key: kms.IKey | None = None,
    queue_name: str | None = None,
) -> sqs.Queue:
    """Add a queue that receives work and moves what fails ``max_receive_count`` times to the dead-letter queue.

    Args:
        scope: The pattern that receives work.
        construct_id: Id of the queue inside ``scope``.
        dead_letter_queue: Where messages go that failed too often.
        visibility_timeout: At least six times the consumer's timeout, so that a batch is never delivered twice while
            it is being worked on (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
        max_receive_count: Deliveries before a message counts as failed.
        fifo: Whether order is kept per message group.
        encryption_key: A customer-managed key; by default SQS encrypts with a key of its own.
        queue_name: A name for a queue that another Region must name; CloudFormation chooses one by default.
    """
    return sqs.Queue(
        scope,
        construct_id,
        queue_name=queue_name,
        fifo=True if fifo else None,
        visibility_timeout=visibility_timeout,
        retention_period=LONGEST_RETENTION,
        enforce_ssl=True,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letter_queue, max_receive_count=max_receive_count),
        encryption=_encryption(encryption_key),
        encryption_master_key=encryption_key,
        data_key_reuse=_DATA_KEY_REUSE if encryption_key is not None else None,
    )


def metric_oldest_message(queue: sqs.IQueue, *, period: Duration | None = None) -> cloudwatch.Metric:
    """Age in seconds of the oldest message that waits in the queue: how far its consumer is behind."""
    return queue.metric_approximate_age_of_oldest_message(period=period or minute(), statistic="max")


def metric_dead_letters(queue: sqs.IQueue, *, period: Duration | None = None) -> cloudwatch.Metric:
    """Messages that wait in a dead-letter queue, per minute by default."""
    return queue.metric_approximate_number_of_messages_visible(period=period or minute(), statistic="max")


def _encryption(key: kms.IKey | None) -> sqs.QueueEncryption:
    return sqs.QueueEncryption.SQS_MANAGED if key is None else sqs.QueueEncryption.KMS
