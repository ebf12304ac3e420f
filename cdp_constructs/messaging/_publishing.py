"""Who may publish to a topic, and who may use the key that it is encrypted with."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Annotations
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.cdk import kms, sns
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.paths import region_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError

# What it takes to put a message into an encrypted topic or queue.

_SNS = iam.ServicePrincipal("sns.amazonaws.com")

# EventBridge sends no source with what it publishes to a topic, so a condition on the source would refuse it.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
_SERVICES_WITHOUT_SOURCE = ("events.amazonaws.com",)


def grant_publish(
    construct: "Construct",
    grantee: iam.IGrantable,
    topic: "sns.ITopic",
    key: "kms.IKey | None",
    source_arn: str | None,
) -> iam.Grant:
    """Let a principal publish to the topic and use its key; a service only on behalf of this account.

    Raises:
        InvalidOptionError: when a service is granted to an imported topic, or the source cannot be checked.
    """
    if isinstance(grantee, iam.ServicePrincipal):
        return _grant_service(construct, grantee, topic, key, source_arn)
    if source_arn is not None:
        raise InvalidOptionError(
            construct, "source_arn", "was given for a grantee that is not an AWS service", "Leave source_arn out"
        )
    if key is not None:
        # Not topic.grant_publish(): it would grant kms:GenerateDataKey*, of which SNS needs one action.
        key.grant(grantee, *USE_KEY)
    return _allow_publish(grantee, topic)


def _grant_service(
    construct: "Construct",
    service: iam.ServicePrincipal,
    topic: "sns.ITopic",
    key: "kms.IKey | None",
    source_arn: str | None,
) -> iam.Grant:
    # Only what was made in this app has an L1 below it. (Grant.success says yes to an imported topic, too.)
    if topic.node.default_child is None:
        raise InvalidOptionError(
            construct,
            "topic",
            f"is {topic.node.path}, which was imported, so that its policy cannot be extended for {service.service}",
            "Grant it where the topic is made",
        )
    conditions: dict[str, dict[str, str]] = {}
    if service.service not in _SERVICES_WITHOUT_SOURCE:
        conditions["StringEquals"] = {"aws:SourceAccount": stack_of(construct).account}
    elif source_arn is not None:
        raise InvalidOptionError(
            construct,
            "source_arn",
            f"was given for {service.service}, which names no source when it publishes to a topic",
            "Leave source_arn out",
        )
    if key is not None:
        # Not the source's ARN: the source often names the topic and the topic names the key, which closes a circle.
        _allow_on_key(construct, key, service, conditions)
    if source_arn is not None:
        conditions["ArnLike"] = {"aws:SourceArn": source_arn}
    return _allow_publish(service.with_conditions(conditions) if conditions else service, topic)


def _allow_publish(grantee: iam.IGrantable, topic: "sns.ITopic") -> iam.Grant:
    return iam.Grant.add_to_principal_or_resource(
        actions=["sns:Publish"], grantee=grantee, resource_arns=[topic.topic_arn], resource=topic
    )


def sns_service(topic_region: str, queue_region: str) -> iam.ServicePrincipal:
    """Return the principal that SNS delivers as; where an opt-in Region takes part it is that Region's own.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-cross-region-delivery.html
    """
    if topic_region != queue_region:
        # Imported here: a fan-out within one Region needs no facts about others.
        from aws_cdk.region_info import RegionInfo

        for region in (queue_region, topic_region):
            if RegionInfo.get(region).is_opt_in_region:
                return iam.ServicePrincipal.from_static_service_principle_name(f"sns.{region}.amazonaws.com")
    return _SNS


def let_sns_use_key(construct: "Construct", key: "kms.IKey", topic_region: str) -> None:
    """Let SNS put messages of this account's topics of a Region into queues that are encrypted with the key."""
    # Every topic of the account and Region, not the one: the topic names the key, so the key cannot name the topic.
    stack = stack_of(construct)
    topics = stack.format_arn(service="sns", region=topic_region, resource="*")
    service = sns_service(topic_region, region_of(stack))
    _allow_on_key(construct, key, service, {"ArnLike": {"aws:SourceArn": topics}})


def _allow_on_key(
    construct: "Construct", key: "kms.IKey", service: iam.ServicePrincipal, conditions: Mapping[str, Any]
) -> None:
    statement = iam.PolicyStatement(principals=[service], actions=list(USE_KEY), resources=["*"], conditions=conditions)
    if not key.add_to_resource_policy(statement).statement_added:
        Annotations.of(construct).add_warning_v2(
            f"cdp-constructs:ImportedKeyPolicy-{service.service}",
            "An imported key's policy is not changed from here. See to it that it allows "
            f"{service.service} {' and '.join(USE_KEY)}.",
        )
