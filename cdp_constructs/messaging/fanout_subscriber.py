"""FanoutSubscriber: what one subscriber of a fan-out consists of."""

from dataclasses import dataclass

from aws_cdk import Duration

from cdp_constructs.core.cdk import cloudwatch, sns, sqs
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.queues import metric_dead_letters, metric_oldest_message

__all__ = ["FanoutSubscriber"]


@checks_options
@dataclass(frozen=True)
class FanoutSubscriber:
    """What ``SnsSqsFanout.add_subscriber`` and ``add_remote_subscriber`` return: the constructs of one subscriber."""

    queue: "sqs.Queue"
    """Receives the messages that match."""
    dead_letter_queue: "sqs.Queue"
    """Keeps what the consumer failed on; ``StartMessageMoveTask`` puts it back into ``queue``."""
    subscription: "sns.Subscription"
    """Connects the topic with ``queue``."""
    subscription_dead_letter_queue: "sqs.Queue"
    """Keeps what SNS could not put into ``queue``; it is in the topic's Region."""

    def metric_lag(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest message that waits: how far the consumer is behind. Per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def metric_dead_letters(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Messages in the dead-letter queue, on which the consumer failed. Per minute by default."""
        return metric_dead_letters(self.dead_letter_queue, period=period)
