"""Data events of CloudTrail about the objects of one bucket: who wrote, by which call, from where."""

import jsii
from aws_cdk import IStableStringProducer
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.cdk import kms
from cdp_constructs.core.object_events import let_rule_send
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.delivery.direct_hosting import DirectHosting

_WRITES = ["CompleteMultipartUpload", "CopyObject", "DeleteObject", "DeleteObjects", "PutObject"]


def queue_data_events(
    scope: Construct,
    construct_id: str,
    *,
    bucket: s3.IBucket,
    queue: sqs.Queue,
    dead_letter_queue: sqs.Queue,
    encryption_key: "kms.IKey | None",
) -> None:
    """Send what CloudTrail says of writes into a bucket to a queue.

    Args:
        scope: The pattern that works on the events.
        construct_id: Id of the rule inside ``scope``.
        bucket: A bucket whose data events a trail of the account records.
        queue: Receives the events.
        dead_letter_queue: Receives those that EventBridge could not put there.
        encryption_key: The customer-managed key of both queues, if they have one.
    """
    rule = events.CfnRule(
        scope,
        construct_id,
        description=f"Who writes into the site of {path_of(scope)}",
        event_pattern={
            "source": ["aws.s3"],
            "detail-type": ["AWS API Call via CloudTrail"],
            "detail": {
                "eventSource": ["s3.amazonaws.com"],
                "eventName": _WRITES,
                "requestParameters": {"bucketName": [bucket.bucket_name]},
            },
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


@jsii.implements(IStableStringProducer)
class OwnRoles:
    """The ARNs of who changes a site by right, as JSON; asked when the app is synthesised, after ``add_site``."""

    def __init__(self, scope: Construct, site: DirectHosting, roles: list[iam.IRole]) -> None:
        self._stack = stack_of(scope)
        self._site = site
        self._roles = roles

    def produce(self) -> str:
        """Return the text."""
        deployment = self._site.deployment_role
        arns = [role.role_arn for role in (*self._roles, *([deployment] if deployment else []))]
        return self._stack.to_json_string(arns)
