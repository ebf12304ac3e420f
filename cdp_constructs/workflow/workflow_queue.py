"""WorkflowQueue: the queue whose messages start executions of a workflow."""

from dataclasses import dataclass

from aws_cdk import Duration

from cdp_constructs.core.cdk import cloudwatch, lambda_, sqs
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.queues import metric_dead_letters, metric_oldest_message

__all__ = ["WorkflowQueue"]


@checks_options
@dataclass(frozen=True)
class WorkflowQueue:
    """What ``Workflow.start_on_message`` returns."""

    queue: "sqs.Queue"
    """Receives what starts an execution, as JSON."""
    dead_letter_queue: "sqs.Queue"
    """Keeps messages that started none; ``StartMessageMoveTask`` puts them back into ``queue``."""
    function: "lambda_.Function"
    """Starts the executions."""

    def metric_lag(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest message that waits for its execution. Per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def metric_dead_letters(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Messages that started no execution. Per minute by default."""
        return metric_dead_letters(self.dead_letter_queue, period=period)
