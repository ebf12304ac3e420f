"""The life of certificates after they were issued: which one is in use, which are retired, and those of an own CA."""

import json
from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.cdk import dynamodb, lambda_, sqs
from cdp_constructs.core.event_sources import consume_queue
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from cdp_constructs.iot._common import CommonOptions, allow_items
from cdp_constructs.iot._things import Things
from cdp_constructs.iot.sql import select
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.iot.topics import THING_LEVEL, TopicSpace

CERTIFICATE_IN_USE = "certificate"
"""Type of the message by which a device says which certificate it uses."""


def add_confirmation_rule(fleet: Construct, topics: TopicSpace, common: CommonOptions) -> TopicRule:
    """Add the rule for what devices say about their certificate: only they can publish there."""
    return TopicRule(
        fleet,
        "CertificateInUse",
        sql=select(
            f"{THING_LEVEL} AS thing, principal() AS certificate_id",
            topics.telemetry_filter(kind=CERTIFICATE_IN_USE),
        ),
        description=f"Which certificates the devices of {path_of(fleet)} use",
        encryption_key=common.encryption_key,
        alarm_topic=common.alarm_topic,
    )


class CertificateLife:
    """A queue of messages about certificates, and the function that works on it."""

    queue: "sqs.Queue"
    dead_letter_queue: "sqs.Queue"
    function: "lambda_.Function"

    def __init__(
        self,
        fleet: Construct,
        *,
        table: "dynamodb.ITable",
        things: Things,
        policies: Sequence[iot.CfnPolicy],
        prefix: str,
        common: CommonOptions,
    ) -> None:
        """Add queue, dead-letter queue and function to a fleet.

        Args:
            fleet: The fleet.
            table: The allow-list.
            things: Type and groups of the things that are created for devices of an own CA.
            policies: What the certificates of those get.
            prefix: ``arn:…:iot:<region>:<account>``.
            common: The fleet's options.
        """
        self.dead_letter_queue = add_dead_letter_queue(
            fleet,
            "DeadLetterQueue",
            alarm_topic=common.alarm_topic,
            holds="messages about certificates that failed",
            encryption_key=common.encryption_key,
        )
        self.queue = add_work_queue(
            fleet,
            "Queue",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=minutes(3),
            encryption_key=common.encryption_key,
        )
        self.function = add_function(
            fleet,
            "CertificatesFunction",
            handler="iot/certificates",
            description="Retires certificates that devices no longer use; registers devices of an own CA",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            timeout=seconds(30),
            environment={
                "ALLOW_LIST": table.table_name,
                "CERTIFICATES": f"{prefix}:cert",
                "GROUPS": json.dumps(things.group_names),
                "POLICIES": json.dumps([policy.ref for policy in policies]),
                "THING_TYPE": things.thing_type.ref,
            },
            log_retention=common.log_retention,
            log_encryption_key=common.encryption_key,
            removal_policy=common.removal_policy,
        )
        allow_items(table, self.function, "dynamodb:GetItem", "dynamodb:UpdateItem", encryption_key=common.table_key)
        every_thing, certificates = f"{prefix}:thing/*", f"{prefix}:cert/*"
        allow_on_prefixes(
            self.function,
            "Registry",
            [
                iam.PolicyStatement(
                    actions=["iot:CreateThing", "iot:AttachThingPrincipal", "iot:DetachThingPrincipal"],
                    resources=[every_thing, certificates, things.thing_type.attr_arn],
                ),
                iam.PolicyStatement(
                    actions=["iot:DescribeCertificate", "iot:UpdateCertificate", "iot:AttachPolicy"],
                    resources=[certificates],
                ),
                iam.PolicyStatement(
                    actions=["iot:AddThingToThingGroup"],
                    resources=[every_thing, *(group.attr_arn for group in things.groups.values())],
                ),
            ],
            prefixes=[every_thing, certificates],
            reason="Things and certificates come with the devices, and no ARN tells those of one fleet from others.",
        )
        consume_queue(fleet, "Certificates", self.function, self.queue)


def add_certificate_authority(
    fleet: Construct, construct_id: str, *, certificate: str, queue: "sqs.Queue", common: CommonOptions
) -> iot.CfnCACertificate:
    """Register a CA, and send what AWS IoT says about new certificates of it to the fleet's queue."""
    joining = Construct(fleet, construct_id)
    authority = iot.CfnCACertificate(
        joining,
        "Certificate",
        ca_certificate_pem=certificate,
        status="ACTIVE",
        auto_registration_status="ENABLE",
        certificate_mode="SNI_ONLY",
    )
    rule = TopicRule(
        joining,
        "Registered",
        sql=select("*", f"$aws/events/certificates/registered/{authority.ref}"),
        description=f"New certificates of a CA of {path_of(fleet)}",
        encryption_key=common.encryption_key,
        alarm_topic=common.alarm_topic,
    )
    rule.add_queue(queue)
    return authority
