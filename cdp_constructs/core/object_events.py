"""One way to work on what happens to a bucket's objects: S3, EventBridge, a queue, and a place for failures."""

from collections.abc import Sequence

from aws_cdk import Annotations, Resource
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.buckets import sends_events
from cdp_constructs.core.cdk import kms
from cdp_constructs.core.keys import let_service_use_key
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.validation import InvalidOptionError

OBJECT_CREATED = "Object Created"
OBJECT_DELETED = "Object Deleted"
EVENTBRIDGE_SERVICE = "events.amazonaws.com"
EVENTBRIDGE = iam.ServicePrincipal(EVENTBRIDGE_SERVICE)


def queue_object_events(
    scope: Construct,
    construct_id: str,
    *,
    bucket: s3.IBucket,
    prefix: str,
    detail_types: Sequence[str],
    queue: sqs.Queue,
    dead_letter_queue: sqs.Queue,
    encryption_key: "kms.IKey | None" = None,
) -> events.CfnRule:
    """Send the events of the objects below a prefix to a queue; any number of patterns can do so for one bucket.

    Args:
        scope: The pattern that works on the events.
        construct_id: Id of the rule inside ``scope``.
        bucket: A bucket of the stack's Region that sends its events to EventBridge.
        prefix: Keys that matter; "" for all.
        detail_types: ``OBJECT_CREATED``, ``OBJECT_DELETED``.
        queue: Receives the events.
        dead_letter_queue: Receives the events that EventBridge could not put into ``queue`` for 24 hours. They are
            the same as in ``queue``, so this may be the queue's own.
        encryption_key: The customer-managed key of both queues, if they have one.

    Raises:
        InvalidOptionError: when the bucket is defined in this app and sends no events to EventBridge. Of an
            imported bucket a warning says what it must do.
    """
    if not sends_events(bucket):
        raise InvalidOptionError(
            scope,
            "bucket",
            f"is {bucket.node.path}, which does not send its events to EventBridge",
            "Make it with event_bridge_enabled=True",
        )
    if not Resource.is_owned_resource(bucket):
        Annotations.of(scope).add_warning_v2(
            "cdp-constructs:ImportedBucketEvents",
            f"The imported bucket {bucket.node.path} is not changed. Make sure that it sends its events to "
            "EventBridge: without them nothing happens here.",
        )
    pattern = {
        "source": ["aws.s3"],
        "detail-type": list(detail_types),
        "detail": {
            "bucket": {"name": [bucket.bucket_name]},
            **({"object": {"key": [{"prefix": prefix}]}} if prefix else {}),
        },
    }
    # Rule() and its targets would import aws_events_targets, which loads half of the CDK.
    rule = events.CfnRule(
        scope,
        construct_id,
        description=f"Objects of {path_of(scope)} below {prefix or 'the root'}",
        event_pattern=pattern,
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


def let_rule_send(rule: events.CfnRule, *queues: sqs.Queue, encryption_key: "kms.IKey | None" = None) -> None:
    """Let EventBridge put the events of one rule, and of no other, into queues.

    Args:
        rule: The rule; its targets name the queues.
        queues: Targets and dead-letter queues of the rule.
        encryption_key: The customer-managed key of the queues, if they have one; EventBridge is then allowed to use it.
    """
    if encryption_key is not None:
        # For this account's rules, not for the one: the rule names the queue, and the queue names the key.
        let_service_use_key(rule, encryption_key, EVENTBRIDGE_SERVICE)
    service = EVENTBRIDGE.with_conditions({"ArnEquals": {"aws:SourceArn": rule.attr_arn}})
    for queue in queues:
        iam.Grant.add_to_principal_or_resource(
            actions=["sqs:SendMessage"], grantee=service, resource_arns=[queue.queue_arn], resource=queue
        )
