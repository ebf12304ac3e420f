"""What starts a workflow for each message: a queue, a function, and a place for messages that start nothing."""

from aws_cdk import RemovalPolicy
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.cdk import kms, logs, sns
from cdp_constructs.core.event_sources import consume_queue
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from cdp_constructs.workflow.workflow_queue import WorkflowQueue

# Ten starts, each tried five times by the SDK, and ten payloads that are put into a bucket.
_TIMEOUT = seconds(30)


def add_queue(
    workflow: "cdp_constructs.Workflow",
    construct_id: str,
    *,
    payloads: "cdp_constructs.ClaimCheck | None",
    max_concurrency: int,
    alarm_topic: "sns.ITopic | None",
    encryption_key: "kms.IKey | None",
    log_retention: "logs.RetentionDays",
    removal_policy: RemovalPolicy,
) -> WorkflowQueue:
    """Add a queue inside a workflow whose messages start executions; see ``Workflow.start_on_message``."""
    scope = Construct(workflow, construct_id)
    dead_letter_queue = add_dead_letter_queue(
        scope,
        "DeadLetterQueue",
        alarm_topic=alarm_topic,
        holds="messages that started no execution",
        encryption_key=encryption_key,
    )
    queue = add_work_queue(
        scope,
        "Queue",
        dead_letter_queue=dead_letter_queue,
        # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: six times the function's timeout.
        visibility_timeout=seconds(6 * _TIMEOUT.to_seconds()),
        encryption_key=encryption_key,
    )
    function = add_function(
        scope,
        "StarterFunction",
        handler="workflow/starter",
        description="Starts an execution of the workflow for each message",
        invocation=Invocation.EVENT_SOURCE,
        correlates=True,
        environment={"STATE_MACHINE": workflow.state_machine.state_machine_arn},
        timeout=_TIMEOUT,
        log_retention=log_retention,
        log_encryption_key=encryption_key,
        removal_policy=removal_policy,
    )
    workflow.grant_start(function)
    if encryption_key is not None:
        encryption_key.grant(function, *USE_KEY)
    if payloads is not None:
        payloads.share_with(function, write_only=True)
    consume_queue(scope, "Starter", function, queue, max_concurrency=max_concurrency)
    return WorkflowQueue(queue, dead_letter_queue, function)
