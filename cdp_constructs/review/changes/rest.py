"""What else changed: sizes, settings, code, what was added and removed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from cdp_constructs.review.cards.costs import monthly
from cdp_constructs.review.cards.storage import STATEFUL
from cdp_constructs.review.changes.data import holds_data
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.changes.pairs import Pairs
from cdp_constructs.review.changes.properties import PropertyChange, changed_properties, changed_values, replacing
from cdp_constructs.review.changes.trust import TRUST, trust_is_wider
from cdp_constructs.review.statements import has_policy
from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import Values

__all__ = ["code", "cost", "rest"]

_TOLD = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
"""What other findings tell: permissions, alarms."""
_WITH_ITS_WAY_IN = {
    "AWS::ApiGateway::Method",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::Lambda::Url",
}
"""What is added and removed with a way in, which is told."""
_FOLLOWS = {"AWS::CloudWatch::Dashboard": "dashboard", "AWS::CloudWatch::CompositeAlarm": "composite alarm"}
_ENDS = {"DeletionPolicy", "UpdateReplacePolicy"}
_KEPT_BY = {
    "AWS::Logs::LogGroup": {"RetentionInDays", "KmsKeyId"},
    "AWS::S3::Bucket": {
        "BucketEncryption",
        "LifecycleConfiguration",
        "VersioningConfiguration",
        "PublicAccessBlockConfiguration",
    },
    "AWS::SQS::Queue": {"KmsMasterKeyId", "MessageRetentionPeriod", "RedrivePolicy", "SqsManagedSseEnabled"},
    "AWS::SNS::Topic": {"KmsMasterKeyId"},
    "AWS::SecretsManager::Secret": {"KmsKeyId"},
    "AWS::KMS::Key": {"EnableKeyRotation", "PendingWindowInDays"},
    "AWS::DynamoDB::Table": {
        "SSESpecification",
        "PointInTimeRecoverySpecification",
        "DeletionProtectionEnabled",
        "TimeToLiveSpecification",
    },
    "AWS::DynamoDB::GlobalTable": {"SSESpecification", "TimeToLiveSpecification"},
    "AWS::ApiGatewayV2::Route": {"AuthorizationType", "AuthorizerId", "RouteKey", "Target"},
    "AWS::SNS::Subscription": {"RedrivePolicy"},
    "AWS::Lambda::EventSourceMapping": {"DestinationConfig"},
    "AWS::IAM::Role": {"ManagedPolicyArns"},
    "AWS::Lambda::Url": {"AuthType"},
}
"""Properties that the findings about data, ways in and failures tell."""
_CODE = {"Code", "Content", "ContentKey"}


def rest(old: Template, new: Template, pairs: Pairs) -> Iterator[Finding]:
    """Yield what no other finding tells."""
    before, now = Values(old), Values(new)
    yield from _decided(old, new, before, now)
    followers: dict[str, int] = defaultdict(int)
    for one, other in (*pairs.same, *pairs.renamed):
        if one.type in _FOLLOWS:
            followers[_FOLLOWS[one.type]] += one.properties != other.properties
            continue
        told = {TRUST} if one.type == "AWS::IAM::Role" and trust_is_wider(one, other, old, new) else set()
        changes = [
            change
            for change in changed_properties(one, other, before, now)
            if change.property not in told and not _is_told(one, change)
        ]
        replaced = replacing(one.type, changes) if not holds_data(one) else []
        if changes and not (holds_data(one) and replacing(one.type, changes)):
            title = f"{other.name} ({_type(one)}) {'is replaced' if replaced else 'changed'}"
            yield Finding(Kind.OTHER, title, tuple(map(str, changes)))
    renamed = [(one, other) for one, other in pairs.renamed if not holds_data(one) and one.type not in _TOLD]
    if renamed:
        lines = [f"{_type(one)} {one.logical_id} -> {other.logical_id}" for one, other in renamed]
        yield Finding(
            Kind.OTHER, f"{len(renamed)} resources have another name, and are made anew", tuple(sorted(lines))
        )
    for what, some in (("added", pairs.added), ("removed", pairs.removed)):
        lines = list(_listed(some, skip_data=what == "removed"))
        if lines:
            yield Finding(Kind.OTHER, f"{what}", tuple(lines))
    for word, count in sorted(followers.items()):
        if count:
            yield Finding(Kind.OTHER, f"{count} {word}{'s' * (count > 1)} follow")


_DECIDES = {"Parameters": "parameter", "Mappings": "mapping", "Conditions": "condition"}


def _decided(old: Template, new: Template, before: Values, now: Values) -> Iterator[Finding]:
    """Yield parameters, mappings and conditions of which properties are made, where both templates have them."""
    for part, word in _DECIDES.items():
        was, is_ = (template.body.get(part) for template in (old, new))
        if not isinstance(was, Mapping) or not isinstance(is_, Mapping):
            continue
        for name in sorted(was.keys() & is_.keys()):
            if was[name] != is_[name] and name != "BootstrapVersion":
                changes = changed_values(name, was[name], is_[name], before, now)
                yield Finding(Kind.OTHER, f"{word} {name} changed", tuple(map(str, changes)))


def _is_told(resource: Resource, change: PropertyChange) -> bool:
    if resource.type in _TOLD or has_policy(resource, change.property) or change.property in _CODE:
        return True
    if change.property in _ENDS and resource.type in STATEFUL:
        return True
    return change.property in _KEPT_BY.get(resource.type, ()) or (
        resource.type == "AWS::Lambda::LayerVersion" and change.property in _CODE
    )


def _type(resource: Resource) -> str:
    return STATEFUL[resource.type][0] if resource.type in STATEFUL else resource.type.removeprefix("AWS::")


def _listed(some: Sequence[Resource], *, skip_data: bool) -> Iterator[str]:
    by_type: dict[str, list[str]] = defaultdict(list)
    for one in some:
        if one.type not in _TOLD | _WITH_ITS_WAY_IN and not (skip_data and holds_data(one)):
            by_type[_type(one)].append(one.name)
    for kind, names in sorted(by_type.items()):
        yield f"{kind} {', '.join(sorted(names))}"


def code(pairs: Pairs) -> Iterator[Finding]:
    """Yield functions that get other code; an assembly says so, a snapshot without hashes does not."""
    names = sorted(
        other.name
        for one, other in pairs.same
        if one.type == "AWS::Lambda::Function" and one.get("Code") != other.get("Code")
    )
    if names:
        yield Finding(Kind.OTHER, f"new code: {', '.join(names)}")


def cost(old: Template, new: Template) -> Iterator[Finding]:
    """Yield what is paid more or less for each month at rest, by type."""
    by_type: dict[str, float] = defaultdict(float)
    for sign, template in ((-1, old), (1, new)):
        for one in template.resources.values():
            by_type[one.type] += sign * monthly(one, template)
    changed = {kind: value for kind, value in by_type.items() if abs(value) >= 0.005}  # noqa: PLR2004 - half a cent
    if changed:
        lines = tuple(f"{kind.removeprefix('AWS::')}   {_dollars(value)}" for kind, value in sorted(changed.items()))
        yield Finding(Kind.COST, f"{_dollars(sum(changed.values()))} a month at rest", lines)


def _dollars(value: float) -> str:
    return f"{'+' if value >= 0 else '-'}${abs(value):,.2f}"
