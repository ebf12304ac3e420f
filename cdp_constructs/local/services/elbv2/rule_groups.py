"""Load balancers: a target group to which a rule of a template forwards is one of its load balancer, in metrics too."""

from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties

_alb: Any = ministack.module("services.alb", "_listeners", "_rules", "_tgs")


@after("AWS::ElasticLoadBalancingV2::ListenerRule")
def _relate(rule_arn: str, _properties: Properties, _attributes: Attributes) -> None:
    rule = _alb._rules[rule_arn]
    balancer = _alb._listeners[rule["ListenerArn"]]["LoadBalancerArn"]
    for action in rule["Actions"]:
        weighted = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        for arn in [action.get("TargetGroupArn"), *(each.get("TargetGroupArn") for each in weighted)]:
            group = _alb._tgs.get(arn) if arn else None
            if group is not None and balancer not in group.setdefault("LoadBalancerArns", []):
                group["LoadBalancerArns"].append(balancer)
