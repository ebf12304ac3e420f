"""Feedback of SES about mails: a configuration set whose bounces and complaints reach a queue."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import kms, sns, sqs
from cdp_constructs.core.object_events import let_rule_send
from cdp_constructs.core.paths import path_of, stack_of

# AWS reviews an account from 5 % bounces or 0.1 % complaints on, and may stop its mail at twice to five times that.
# https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html
_RATES_THAT_ALARM = {"BounceRate": 0.05, "ComplaintRate": 0.001}


def add_configuration_set(scope: "Construct", alarm_topic: "sns.ITopic | None") -> str:
    """Add SES's configuration set ``ConfigurationSet`` and return its name.

    Mail goes only over TLS. SES's suppression list of the account takes in what bounced or was complained about: events
    reach EventBridge on a best-effort basis, and this stands behind one that is missing.

    Args:
        scope: The pattern that sends mail.
        alarm_topic: Receives alarms about the set's reputation; None leaves them out.
    """
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_ses as ses

    configuration_set = ses.CfnConfigurationSet(
        scope,
        "ConfigurationSet",
        delivery_options=ses.CfnConfigurationSet.DeliveryOptionsProperty(tls_policy="REQUIRE"),
        reputation_options=ses.CfnConfigurationSet.ReputationOptionsProperty(reputation_metrics_enabled=True),
        sending_options=ses.CfnConfigurationSet.SendingOptionsProperty(sending_enabled=True),
        suppression_options=ses.CfnConfigurationSet.SuppressionOptionsProperty(
            suppressed_reasons=["BOUNCE", "COMPLAINT"]
        ),
    )
    for name, rate in _RATES_THAT_ALARM.items():
        add_alarm(
            scope,
            f"{name}Alarm",
            cloudwatch.Metric(
                namespace="AWS/SES",
                metric_name=f"Reputation.{name}",
                dimensions_map={"ses:configuration-set": configuration_set.ref},
                statistic="max",
                period=Duration.hours(1),
            ),
            alarm_topic=alarm_topic,
            threshold=rate,
            description=f"{path_of(scope)}: the {name} of mails reached {rate:.1%}. Look where addresses come from; "
            "AWS may stop the account's mail.",
        )
    return configuration_set.ref


def queue_mail_feedback(
    scope: "Construct",
    configuration_set_name: str,
    queue: "sqs.Queue",
    *,
    dead_letter_queue: "sqs.Queue",
    encryption_key: "kms.IKey | None",
) -> events.CfnRule:
    """Send bounces and complaints about a configuration set's mails to a queue.

    Args:
        scope: The pattern that works on them.
        configuration_set_name: The set.
        queue: Receives EventBridge's events.
        dead_letter_queue: Receives those that could not be put into ``queue`` for 24 hours.
        encryption_key: The customer-managed key of both queues, if they have one.
    """
    from aws_cdk import aws_ses as ses

    ses.CfnConfigurationSetEventDestination(
        scope,
        "EventDestination",
        configuration_set_name=configuration_set_name,
        event_destination=ses.CfnConfigurationSetEventDestination.EventDestinationProperty(
            enabled=True,
            matching_event_types=["bounce", "complaint"],
            event_bridge_destination=ses.CfnConfigurationSetEventDestination.EventBridgeDestinationProperty(
                # SES takes only the default bus.
                event_bus_arn=stack_of(scope).format_arn(
                    service="events", resource="event-bus", resource_name="default"
                )
            ),
        ),
    )
    # Rule() and its targets would import aws_events_targets, which loads half of the CDK.
    rule = events.CfnRule(
        scope,
        "FeedbackRule",
        description=f"Bounces and complaints about mails of {path_of(scope)}",
        event_pattern={
            "source": ["aws.ses"],
            "detail-type": ["Email Bounced", "Email Complaint Received"],
            "detail": {"mail": {"tags": {"ses:configuration-set": [configuration_set_name]}}},
        },
        targets=[
            events.CfnRule.TargetProperty(
                id="Queue",
                arn=queue.queue_arn,
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=dead_letter_queue.queue_arn),
            )
        ],
    )
    let_rule_send(rule, queue, dead_letter_queue, encryption_key=encryption_key)
    return rule
