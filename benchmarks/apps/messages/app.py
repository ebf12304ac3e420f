"""Synthesises both, into the folder that is given: `python -m benchmarks.apps.messages.app FOLDER`."""

import sys
from pathlib import Path

from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs

from cdp_constructs import QueueConsumer, SnsSqsFanout

_BATCH = 10


def _consumer(stack: Stack) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Consumer",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "handlers/consumer")),
    )


def _bare(app: App) -> None:
    stack = Stack(app, "Bare")
    topic, queue = sns.Topic(stack, "Topic"), sqs.Queue(stack, "Queue")
    topic.add_subscription(subscriptions.SqsSubscription(queue, raw_message_delivery=True))
    _consumer(stack).add_event_source(
        event_sources.SqsEventSource(queue, batch_size=_BATCH, report_batch_item_failures=True)
    )
    _outputs(stack, topic, queue)


def _fan_out(app: App) -> None:
    stack = Stack(app, "Fanout")
    fanout = SnsSqsFanout(stack, "Orders")
    subscriber = fanout.add_subscriber("Work", consumer=QueueConsumer(_consumer(stack), batch_size=_BATCH))
    _outputs(stack, fanout.topic, subscriber.queue)


def _outputs(stack: Stack, topic: sns.ITopic, queue: sqs.IQueue) -> None:
    CfnOutput(stack, "TopicArn", value=topic.topic_arn)
    CfnOutput(stack, "QueueUrl", value=queue.queue_url)


app = App(outdir=sys.argv[1])
_bare(app)
_fan_out(app)
app.synth()
