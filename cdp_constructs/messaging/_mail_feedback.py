"""Feedback of SES about mails: a configuration set whose bounces and complaints reach a queue."""

from aws_cdk import aws_events as events
from constructs import Construct

from cdp_constructs.core.cdk import kms, sqs
from cdp_constructs.core.object_events import let_rule_send
from cdp_constructs.core.paths import path_of, stack_of


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
