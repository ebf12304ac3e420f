"""Mails that SES refuses: an alarm that one address does not raise, and an account without permission to send does."""

import cdp_constructs
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import sns
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes

# A timer is tried every three minutes, so an address that SES refuses counts at most twice in a period for each topic
# that waits for it.
_PERIOD = minutes(5)
_MOST_OF_SINGLE_ADDRESSES = 10


def add_refused_mail_alarm(notifications: "cdp_constructs.Notifications", alarm_topic: "sns.ITopic | None") -> None:
    """Add ``RefusedMailAlarm``, or none without a topic."""
    if alarm_topic is None:
        return
    from aws_cdk import aws_cloudwatch as cloudwatch

    add_alarm(
        notifications,
        "RefusedMailAlarm",
        cloudwatch.MathExpression(
            # The function counts both for each refusal, so neither is without data where the other has some.
            expression=f"IF(disabled >= 1 OR refused >= {_MOST_OF_SINGLE_ADDRESSES}, refused, 0)",
            using_metrics={
                "refused": notifications.metric_rejected(period=_PERIOD),
                "disabled": notifications.metric_sending_disabled(period=_PERIOD),
            },
            period=_PERIOD,
            label="Mails that SES refused",
        ),
        alarm_topic=alarm_topic,
        description=f"{path_of(notifications)}: SES sends no mail of this account, or refused "
        f"{_MOST_OF_SINGLE_ADDRESSES} mails within 5 minutes. The timers are retried for half an hour; the log of "
        "the delivery function has the error of SES.",
    )
