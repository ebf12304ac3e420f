"""A fan-out to two queues as one writes it with the CDK alone: encrypted, TLS only, dead-letter queues, alarms."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from benchmarks.apps.by_hand.parts import add_alarm, add_dead_letter_alarm, add_queue


def build(stack: Stack, name: str, operators: sns.ITopic, topic: sns.Topic | None = None) -> None:
    """Add the fan-out, of a new topic or of an existing one."""
    scope = Construct(stack, name)
    key = topic.master_key if topic else None
    if key is None:
        key = kms.Key(scope, "Key", enable_key_rotation=True, description="Encrypts topic and queues")
    if topic is None:
        topic = sns.Topic(scope, "Topic", master_key=key, enforce_ssl=True)
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("sns.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        )
    )
    lost = topic.metric("NumberOfNotificationsFailedToRedriveToDlq", period=Duration.minutes(1), statistic="sum")
    add_alarm(scope, "LostMessagesAlarm", lost, operators, "SNS lost messages")
    for subscriber in ("Billing", "Archive"):
        failed = add_queue(scope, f"{subscriber}DeadLetterQueue", key=key)
        undelivered = add_queue(scope, f"{subscriber}SubscriptionDeadLetterQueue", key=key)
        work = add_queue(
            scope,
            f"{subscriber}Queue",
            key=key,
            dead_letter_queue=failed,
            visibility_timeout=Duration.seconds(60),
        )
        # Not topic.add_subscription(): with one key for topic and queues its key policy would name the topic, a circle.
        sns.Subscription(
            scope,
            f"{subscriber}Subscription",
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
        add_dead_letter_alarm(scope, f"{subscriber}DeadLetterQueueAlarm", failed, operators)
        add_dead_letter_alarm(scope, f"{subscriber}SubscriptionDeadLetterQueueAlarm", undelivered, operators)
