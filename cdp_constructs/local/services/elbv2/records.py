"""Load balancers: what is configured, as MiniStack keeps it, by ARN.

Whoever asks does so in the account and Region of the load balancer, which `arns.scope` enters.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import arns, ministack

__all__ = [
    "balancer_attribute",
    "balancer_attributes",
    "full_name",
    "group_attribute",
    "groups_of",
    "listener_attribute",
    "port_of",
    "rules_of",
    "targets_of",
]

_alb: Any = ministack.module(
    "services.alb", "_lb_attrs", "_listener_attrs", "_rule_sort_key", "_rules", "_targets", "_tg_attrs"
)


def full_name(arn: str) -> str:
    """Return a load balancer's or target group's name as metrics have it: `app/name/id`, `targetgroup/name/id`."""
    return arn.rpartition(":")[2].removeprefix("loadbalancer/")


def _attribute(attributes: list[Mapping[str, str]], key: str, default: str) -> str:
    return next((str(each["Value"]) for each in attributes if each.get("Key") == key), default)


def balancer_attributes(balancer: str) -> dict[str, str]:
    """Return all attributes of a load balancer by their keys."""
    return {each["Key"]: str(each["Value"]) for each in _alb._lb_attrs.get(balancer, [])}


def balancer_attribute(balancer: str, key: str, default: str = "") -> str:
    """Return an attribute of a load balancer."""
    return _attribute(_alb._lb_attrs.get(balancer, []), key, default)


def group_attribute(group: str, key: str, default: str = "") -> str:
    """Return an attribute of a target group."""
    return _attribute(_alb._tg_attrs.get(group, []), key, default)


def listener_attribute(listener: str, key: str, default: str = "") -> str:
    """Return an attribute of a listener."""
    return _attribute(_alb._listener_attrs.get(listener, []), key, default)


def rules_of(listener: str) -> list[Mapping[str, Any]]:
    """Return the rules of a listener in the order in which they are evaluated, the default rule last."""
    rules = [rule for rule in list(_alb._rules.values()) if rule.get("ListenerArn") == listener]
    return sorted(rules, key=_alb._rule_sort_key)


def groups_of(actions: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the target groups that actions forward to."""
    for action in actions:
        weighted = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        yield from {each.get("TargetGroupArn") or "" for each in (*weighted, action)} - {""}


def targets_of(group: str) -> list[dict[str, Any]]:
    """Return the registered targets of a group, of whatever account and Region."""
    with arns.scope(group):
        return list(_alb._targets.get(group, []))


def port_of(group: Mapping[str, Any], target: Mapping[str, Any]) -> int:
    """Return the port of a target: its own, or that of its group."""
    return int(target.get("Port") or group.get("Port") or 80)
