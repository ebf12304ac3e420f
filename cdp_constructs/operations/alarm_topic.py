"""Where the alarms of a system go: one encrypted topic, mails, and one alarm for the state of the whole."""

from collections.abc import Mapping, Sequence

from aws_cdk import Annotations, ArnFormat, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import mark_as_reached, notifying
from cdp_constructs.core.cdk import kms
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.runbooks import runbook_of
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive
from cdp_constructs.messaging.sns_sqs_fanout import SnsSqsFanout

__all__ = ["AlarmTopic", "add_composite_alarm", "add_mail", "warn_without_receiver"]

WITHOUT_RECEIVER = "cdp-constructs:alarms-without-receiver"
"""Id of the warning about alarms that nobody receives."""


@checks_options
class AlarmTopic(Construct):
    """An SNS topic for the alarms of a system in one Region, encrypted with a key that CloudWatch may use.

        alarms = AlarmTopic(self, "Alarms", email="ops@example.com")
        SnsSqsFanout(self, "Orders", alarm_topic=alarms.topic)

    Attributes:
        topic: Give it to patterns as ``alarm_topic``.
        encryption_key: Encrypts the topic.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        email: str | None = None,
        encryption_key: "kms.IKey | None" = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Add the topic.

        Args:
            scope: The stack.
            construct_id: Id inside it.
            email: Receives the alarms after its owner has confirmed the subscription. Default: no mail; subscribe to
                ``topic``.
            encryption_key: A customer-managed key. Default: a new one ($1 a month).
            removal_policy: What happens to the new key when the stack is deleted. Default: it is kept.

        Raises:
            InvalidOptionError: for ``removal_policy`` beside a key that is not made here, and what SNS would refuse.
        """
        super().__init__(scope, construct_id)
        check_exclusive(self, {"encryption_key": encryption_key}, {"removal_policy": removal_policy})
        fanout = SnsSqsFanout(self, "Fanout", encryption_key=encryption_key, removal_policy=removal_policy)
        alarms = stack_of(self).format_arn(
            service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        fanout.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"), source_arn=alarms)
        mark_as_reached(fanout.topic)
        self.topic = fanout.topic
        self.encryption_key = fanout.encryption_key
        if email is not None:
            add_mail(self, "Mail", topic=self.topic, email=email, alarm_topic=self.topic, holds="alarms")


@checks_options
def add_mail(
    scope: Construct,
    construct_id: str,
    *,
    topic: sns.ITopic,
    email: str,
    alarm_topic: sns.ITopic,
    holds: str,
    filter_policy: Mapping[str, sns.SubscriptionFilter] | None = None,
) -> sns.Subscription:
    """Subscribe a mail address to a topic; what SNS could not deliver is kept in a dead-letter queue with an alarm.

    SNS sends nothing before the owner of the address has confirmed the subscription.

    Args:
        scope: The construct that gets the subscription.
        construct_id: Id of the subscription; its dead-letter queue is ``<construct_id>Failures``.
        topic: What is mailed.
        email: The address.
        alarm_topic: Receives the alarm of the dead-letter queue.
        holds: What the messages are, such as "alarms".
        filter_policy: Which messages to mail, by their attributes. Default: all.

    Raises:
        InvalidOptionError: for a filter policy without attributes, which would mail all messages.
    """
    if filter_policy is not None and not filter_policy:
        fix = "Name an attribute, or leave filter_policy out to mail all messages"
        raise InvalidOptionError(f"{path_of(scope)}/{construct_id}", "filter_policy", "is {}", fix)
    return sns.Subscription(
        scope,
        construct_id,
        topic=topic,
        protocol=sns.SubscriptionProtocol.EMAIL,
        endpoint=email,
        filter_policy=filter_policy,
        dead_letter_queue=add_dead_letter_queue(
            scope, f"{construct_id}Failures", alarm_topic=alarm_topic, holds=f"{holds} that could not be mailed"
        ),
    )


@checks_options
def warn_without_receiver(scope: Construct, option: str) -> None:
    """Warn at synthesis that the alarms of a system go to a topic that nobody subscribes to.

    Args:
        scope: The stack; who subscribes in another way acknowledges the warning there, or on the app.
        option: The key of the configuration that names a receiver, such as ``chat.alarm_email``.
    """
    Annotations.of(scope).add_warning_v2(
        WITHOUT_RECEIVER,
        f"{option} is not set: alarms go to a topic without a subscription, and nobody receives them. Set it, or "
        f"subscribe to the topic and call Annotations.of(app).acknowledge_warning({WITHOUT_RECEIVER!r}).",
    )


@checks_options
def add_composite_alarm(
    scope: Construct,
    construct_id: str,
    alarms: Sequence[cloudwatch.Alarm],
    *,
    alarm_topic: sns.ITopic,
    what: str,
) -> cloudwatch.CompositeAlarm:
    """Add one alarm that is in ALARM state while any of others is, and notifies again when all are OK.

    Args:
        scope: The finished stack.
        construct_id: Id inside it; it also names the alarm's page where ``use_runbooks`` was called.
        alarms: The others, at most 100
            (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html).
        alarm_topic: Receives it.
        what: What the alarms are of, such as "this Region".
    """
    name, page = stack_of(scope).stack_name, runbook_of(scope, construct_id)
    description = f"{name}: at least one alarm of {what} is in ALARM state. It returns to OK when all of them are OK."
    composite = cloudwatch.CompositeAlarm(
        scope,
        construct_id,
        alarm_rule=cloudwatch.AlarmRule.any_of(*alarms),
        alarm_description=description if page is None else f"{description} Runbook: {page}",
    )
    action = notifying(alarm_topic)
    composite.add_alarm_action(action)
    composite.add_ok_action(action)
    return composite
