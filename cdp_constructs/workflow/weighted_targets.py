"""Between what a transition moves users: target groups of a load balancer, or records of Route 53."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aws_cdk import Duration
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdp_constructs.compute.service_route import ServiceRoute
from cdp_constructs.core.hosted_zones import check_name_in_zone
from cdp_constructs.core.meanings import note_zone
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import days, seconds
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_no_repetition

__all__ = ["WeightedRecords", "WeightedTargetGroups"]

EVERYBODY = 100
_CURRENT, _REPLACEMENT = "current", "replacement"
_STICKINESS = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html"
_TTL = "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-weighted.html"


@dataclass(frozen=True)
class Bound:
    """What the function of a transition gets."""

    target: Mapping[str, Any]
    """What it finds the weights by."""
    statements: Sequence[iam.PolicyStatement]
    """What it may do with them."""
    describes: Sequence[str] = ()
    """Actions that know no resources."""


def _weights(*, completed: bool) -> tuple[int, int]:
    """Return the weights of the current system and of the replacement, as the template has them."""
    return (0, EVERYBODY) if completed else (EVERYBODY, 0)


@checks_options
@dataclass(frozen=True, kw_only=True)
class WeightedTargetGroups:
    """Two target groups of one Application Load Balancer: a rule of its listener sends a share of the requests to each.

        WeightedTargetGroups(listener=front.listener, current=old, replacement=new, route=ServiceRoute(priority=10))

    Raises:
        InvalidOptionError: for one group twice, and a time out of range.
    """

    listener: elbv2.IApplicationListener
    """The listener that gets the rule."""
    current: elbv2.IApplicationTargetGroup
    """The targets that all requests go to in the beginning, and after a way back."""
    replacement: elbv2.IApplicationTargetGroup
    """The targets that all requests go to in the end."""
    route: ServiceRoute = ServiceRoute()  # noqa: RUF009 - never changed
    """Which requests; its health check and its deregistration delay are those of the groups. Default: all requests."""
    stickiness: Duration | None = None
    """How long a browser stays with the system that it was sent to, 1 second to 7 days, unless that has no share any
    more. Default: each request is sent anew."""

    def __post_init__(self) -> None:
        """Check what does not depend on the transition."""
        path = "WeightedTargetGroups"
        if self.current is self.replacement:
            raise InvalidOptionError(path, "replacement", "is the same as current", "Give another target group")
        if self.stickiness is not None:
            check_duration(path, "stickiness", self.stickiness, low=seconds(1), high=days(7), source=_STICKINESS)

    def bind(self, scope: Construct, *, completed: bool) -> Bound:
        """Add the rule, and return what the function needs."""
        before, after = _weights(completed=completed)
        rule = elbv2.ApplicationListenerRule(
            scope,
            "Rule",
            listener=self.listener,
            priority=self.route.priority,
            conditions=self.route.conditions(),
            action=elbv2.ListenerAction.weighted_forward(
                [
                    elbv2.WeightedTargetGroup(target_group=self.current, weight=before),
                    elbv2.WeightedTargetGroup(target_group=self.replacement, weight=after),
                ],
                stickiness_duration=self.stickiness,
            ),
        )
        arn = rule.listener_rule_arn
        return Bound(
            {
                "rule": arn,
                _CURRENT: self.current.target_group_arn,
                _REPLACEMENT: self.replacement.target_group_arn,
            },
            [iam.PolicyStatement(actions=["elasticloadbalancing:ModifyRule"], resources=[arn])],
            ["elasticloadbalancing:DescribeRules"],
        )


@checks_options
@dataclass(frozen=True, kw_only=True)
class WeightedRecords:
    """Two records of one name in Route 53: each answer leads to one of two systems, which may be anywhere.

        WeightedRecords(
            zone=zone,
            domain_name="shop.example.com",
            current=route53.RecordTarget.from_ip_addresses("203.0.113.7"),
            replacement=route53.RecordTarget.from_alias(targets.LoadBalancerTarget(front.load_balancer)),
        )

    Raises:
        InvalidOptionError: for a name outside of the zone, no type of records, and a time out of range.
    """

    zone: route53.IHostedZone
    """The hosted zone that holds the name, where no other record has it."""
    domain_name: str
    """The name that users call."""
    current: route53.RecordTarget
    """Where all answers lead in the beginning, and after a way back."""
    replacement: route53.RecordTarget
    """Where all answers lead in the end."""
    record_types: Sequence[Literal["A", "AAAA"]] = ("A",)
    """For IPv4, IPv6 or both; an alias of a dual-stack load balancer has both. Default: IPv4."""
    ttl: Duration = seconds(60)  # noqa: RUF009 - never changed
    """How long a resolver keeps an answer, up to 1 day in whole seconds; an alias has that of its target. Default: 60
    seconds."""

    def __post_init__(self) -> None:
        """Check what does not depend on the transition."""
        path = "WeightedRecords"
        if not self.record_types:
            raise InvalidOptionError(path, "record_types", "is empty", "Name A, AAAA or both")
        check_no_repetition(path, "record_types", self.record_types)
        check_duration(path, "ttl", self.ttl, low=seconds(0), high=days(1), source=_TTL)
        check_name_in_zone(path, "domain_name", self.domain_name, self.zone)

    def bind(self, scope: Construct, *, completed: bool) -> Bound:
        """Add the records, and return what the function needs."""
        note_zone(scope, self.zone)
        weights = dict(zip((_CURRENT, _REPLACEMENT), _weights(completed=completed), strict=True))
        kinds = {"A": route53.RecordType.A, "AAAA": route53.RecordType.AAAA}
        for kind in self.record_types:
            for identifier, target in ((_CURRENT, self.current), (_REPLACEMENT, self.replacement)):
                route53.RecordSet(
                    scope,
                    f"{kind}-{identifier.title()}",
                    zone=self.zone,
                    record_name=f"{self.domain_name}.",
                    record_type=kinds[kind],
                    target=target,
                    ttl=self.ttl,
                    weight=weights[identifier],
                    set_identifier=identifier,
                )
        name = f"{self.domain_name.lower()}."
        only_these = {
            "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name.removesuffix(".")],
                "route53:ChangeResourceRecordSetsRecordTypes": list(self.record_types),
                "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
            }
        }
        zone = [self.zone.hosted_zone_arn]
        return Bound(
            {
                "zone": self.zone.hosted_zone_id,
                "name": name,
                "types": list(self.record_types),
                _CURRENT: _CURRENT,
                _REPLACEMENT: _REPLACEMENT,
            },
            [
                iam.PolicyStatement(actions=["route53:ListResourceRecordSets"], resources=zone),
                iam.PolicyStatement(
                    actions=["route53:ChangeResourceRecordSets"], resources=zone, conditions=only_these
                ),
            ],
        )
