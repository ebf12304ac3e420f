"""A fan-out to two queues as one writes it with the CDK alone: encrypted, TLS only, dead-letter queues, alarms."""

import os

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

app = cdk.App(outdir=os.environ["CDK_OUTDIR"])
stack = cdk.Stack(app, "Orders")
operators = sns.Topic(stack, "Operators", enforce_ssl=True)
notify = actions.SnsAction(operators)
key = kms.Key(stack, "Key", enable_key_rotation=True, description="Encrypts topic and queues")
key.add_to_resource_policy(
    iam.PolicyStatement(
        principals=[iam.ServicePrincipal("sns.amazonaws.com")],
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
    )
)
topic = sns.Topic(stack, "Topic", master_key=key, enforce_ssl=True)


def alarm(construct_id: str, metric: cloudwatch.Metric, description: str) -> None:
    """Add an alarm for the first failure."""
    created = cloudwatch.Alarm(
        stack,
        construct_id,
        metric=metric,
        threshold=1,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=description,
    )
    created.add_alarm_action(notify)
    created.add_ok_action(notify)


def queue(construct_id: str, dead_letter_queue: sqs.Queue | None = None) -> sqs.Queue:
    """Add an encrypted queue."""
    return sqs.Queue(
        stack,
        construct_id,
        retention_period=cdk.Duration.days(14),
        visibility_timeout=cdk.Duration.seconds(60) if dead_letter_queue else None,
        enforce_ssl=True,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        data_key_reuse=cdk.Duration.hours(1),
        dead_letter_queue=(
            sqs.DeadLetterQueue(queue=dead_letter_queue, max_receive_count=5) if dead_letter_queue else None
        ),
    )


alarm(
    "LostMessagesAlarm",
    topic.metric("NumberOfNotificationsFailedToRedriveToDlq", period=cdk.Duration.minutes(1), statistic="sum"),
    "SNS lost messages",
)
for name in ("Billing", "Archive"):
    failed = queue(f"{name}DeadLetterQueue")
    undelivered = queue(f"{name}SubscriptionDeadLetterQueue")
    work = queue(f"{name}Queue", failed)
    # Not topic.add_subscription(): with one key for topic and queues its key policy would name the topic, a circle.
    sns.Subscription(
        stack,
        f"{name}Subscription",
        topic=topic,
        protocol=sns.SubscriptionProtocol.SQS,
        endpoint=work.queue_arn,
        raw_message_delivery=True,
        dead_letter_queue=undelivered,
        filter_policy={"kind": sns.SubscriptionFilter.string_filter(allowlist=["order"])},
    )
    work.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("sns.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[work.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": topic.topic_arn}},
        )
    )
    for construct_id, place in (("DeadLetterQueue", failed), ("SubscriptionDeadLetterQueue", undelivered)):
        alarm(
            f"{name}{construct_id}Alarm",
            place.metric_approximate_number_of_messages_visible(period=cdk.Duration.minutes(1), statistic="max"),
            f"{construct_id} of {name} holds messages",
        )
app.synth()
