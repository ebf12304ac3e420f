"""Load balancers: targets are registered by address and port, those of a template with their group."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.sdk import client, request
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.elbv2 import health, records

__all__ = ["RESOURCE_TYPES"]

_alb: Any = ministack.module("services.alb", "_empty", "_error", "_p", "_parse_targets_param", "_targets", "_tgs")

_NAME = "AWS::ElasticLoadBalancingV2::TargetGroup"
_FLOWS = frozenset({"TCP", "TLS", "UDP", "TCP_UDP"})

RESOURCE_TYPES: tuple[ResourceType, ...] = (ResourceType(name=_NAME, blocking=True),)


@after(_NAME)
def _register(target_group: str, properties: Properties, attributes: Attributes) -> None:
    attributes["TargetGroupFullName"] = target_group.rpartition(":")[2]
    record = _alb._tgs[target_group]
    if record["Protocol"] in _FLOWS and "HealthCheckProtocol" not in properties:
        record["HealthCheckProtocol"] = "TCP"
    elbv2 = client("elbv2")
    wanted = request("elbv2", "register_targets", {"Targets": properties.get("Targets", [])})["Targets"]
    known = {(target["Id"], records.port_of(record, target)) for target in wanted}
    registered = records.targets_of(target_group)
    if obsolete := [each for each in registered if (each["Id"], records.port_of(record, each)) not in known]:
        elbv2.deregister_targets(TargetGroupArn=target_group, Targets=obsolete)
    if wanted:
        elbv2.register_targets(TargetGroupArn=target_group, Targets=wanted)


@patch("ministack.services.alb:_ACTION_MAP[CreateTargetGroup]")
def _create(original: Callable[[Any], Any], parameters: Any) -> Any:
    if _alb._p(parameters, "Protocol") in _FLOWS and not _alb._p(parameters, "HealthCheckProtocol"):
        parameters = {**parameters, "HealthCheckProtocol": ["TCP"]}
    return original(parameters)


def _key(group: Mapping[str, Any], target: Mapping[str, Any]) -> tuple[str, int]:
    return str(target["Id"]), records.port_of(group, target)


@patch("ministack.services.alb:_ACTION_MAP[RegisterTargets]")
def _add(_original: Any, parameters: Any) -> Any:
    """Register targets; an address may be one with several ports."""
    arn = _alb._p(parameters, "TargetGroupArn")
    group = _alb._tgs.get(arn)
    if group is None:
        return _alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    registered = _alb._targets.setdefault(arn, [])
    known = {_key(group, each) for each in registered}
    for target in _alb._parse_targets_param(parameters):
        if _key(group, target) not in known:
            health.forget(arn, *_key(group, target))  # it may still be leaving
            registered.append(target)
    return _alb._empty("RegisterTargets")


@patch("ministack.services.alb:_ACTION_MAP[DeregisterTargets]")
def _remove(_original: Any, parameters: Any) -> Any:
    """Deregister targets: the given port only, or every port of an address."""
    arn = _alb._p(parameters, "TargetGroupArn")
    if arn not in _alb._tgs:
        return _alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    gone = [(each["Id"], each.get("Port")) for each in _alb._parse_targets_param(parameters)]
    _alb._targets[arn] = [
        each
        for each in _alb._targets.get(arn, [])
        if (each["Id"], None) not in gone and (each["Id"], each.get("Port")) not in gone
    ]
    return _alb._empty("DeregisterTargets")
