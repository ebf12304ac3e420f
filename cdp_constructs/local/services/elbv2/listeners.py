"""Load balancers: listeners accept connections as long as they exist, whoever makes them.

A load balancer of the type `network` has `net` in its ARN, and an internal one has its address as its DNS name: no DNS
resolves names here, and who may reach it gets the name from a template.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.kit.refine import after, after_deletion, before, handler
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.elbv2 import flows, listening, service
from cdp_constructs.local.services.elbv2.listening import Serve

__all__ = ["RESOURCE_TYPES", "follow"]

_alb: Any = ministack.module("services.alb", "_lb_attrs", "_lbs", "_lb_xml", "_tags", "_xml")

_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_LISTENER = "AWS::ElasticLoadBalancingV2::Listener"

RESOURCE_TYPES: tuple[ResourceType, ...] = tuple(
    ResourceType(name=name, blocking=True) for name in (_BALANCER, _LISTENER)
)

_SERVED: Mapping[str, Serve] = MappingProxyType(
    {"HTTP": service.serve, "HTTPS": service.serve, "TCP": flows.serve, "TLS": flows.serve}
)


def follow() -> None:
    """Open and close listeners, so that those are open which exist."""
    listening.follow(_SERVED)


# --- ARNs -------------------------------------------------------------------------------------------------------------


def _renamed(store: Any, arn: str) -> str:
    """Keep what a store has under an ARN of the type `network` instead."""
    changed = arn.replace("/app/", "/net/", 1)
    if arn in store:
        store[changed] = store.pop(arn)
    return changed


def _as_network(balancer: str) -> str:
    changed = _renamed(_alb._lbs, balancer)
    _alb._lbs[changed]["LoadBalancerArn"] = changed
    for store in (_alb._lb_attrs, _alb._tags):
        _renamed(store, balancer)
    return changed


def _is_network(balancer: str) -> bool:
    return (_alb._lbs.get(balancer) or {}).get("Type") == "network"


def _addressed(balancer: str) -> None:
    record = _alb._lbs[balancer]
    address = listening.address_of(balancer)
    if record["Scheme"] == "internal" and address != listening.LOOPBACK:
        record["DNSName"] = address


@patch(handler(_BALANCER, "create"))
def _create_balancer(
    original: Callable[..., tuple[str, Attributes]], logical_id: str, properties: Properties, stack_name: str
) -> tuple[str, Attributes]:
    arn, attributes = original(logical_id, properties, stack_name)
    mapped = [each["SubnetId"] for each in properties.get("SubnetMappings") or [] if "SubnetId" in each]
    _alb._lbs[arn]["Subnets"] = _alb._lbs[arn]["Subnets"] or mapped
    if _is_network(arn):
        arn, old = _as_network(arn), arn
        attributes = {
            name: value.replace(old, arn).replace("app/", "net/", 1) if isinstance(value, str) else value
            for name, value in attributes.items()
        }
    _addressed(arn)
    return arn, {**attributes, "DNSName": _alb._lbs[arn]["DNSName"]}


@patch("ministack.services.alb:_ACTION_MAP[CreateLoadBalancer]")
def _create_by_api(original: Callable[[Any], Any], parameters: Any) -> Any:
    before = set(_alb._lbs)
    answer = original(parameters)
    for arn in set(_alb._lbs) - before:
        made = _as_network(arn) if _is_network(arn) else arn
        _addressed(made)
        return _alb._xml(200, "CreateLoadBalancer", f"<LoadBalancers>{_alb._lb_xml(_alb._lbs[made])}</LoadBalancers>")
    return answer


@patch("ministack.services.alb:_lb_xml")
def _with_address(original: Callable[[Any], str], balancer: Mapping[str, Any]) -> str:
    """Say where a load balancer is, as AWS does for those that have addresses that stay."""
    address = listening.address_of(balancer["LoadBalancerArn"])
    found = f"<LoadBalancerAddresses><member><IpAddress>{address}</IpAddress></member></LoadBalancerAddresses>"
    return original(balancer).replace("<LoadBalancerAddresses/>", found)


# --- Sockets ----------------------------------------------------------------------------------------------------------


@before(_LISTENER)
def _with_certificate(properties: Properties) -> None:
    protocol = properties.get("Protocol")
    if protocol in {"HTTPS", "TLS"} and not properties.get("Certificates"):
        raise ValueError(f"A certificate must be specified for {protocol} listeners")


@after(_LISTENER)
def _opened(_listener: str, _properties: Properties, _attributes: Attributes) -> None:
    follow()


@after_deletion(_LISTENER)
def _closed(_listener: str, _properties: Properties) -> None:
    follow()


@after_deletion(_BALANCER)
def _gone(_balancer: str, _properties: Properties) -> None:
    follow()


@patch_each(
    *(
        f"ministack.services.alb:_ACTION_MAP[{name}]"
        for name in ("CreateListener", "ModifyListener", "DeleteListener", "DeleteLoadBalancer")
    ),
    "ministack.services.alb:reset",
)
def _changed(original: Callable[..., Any], *arguments: Any) -> Any:
    answer = original(*arguments)
    follow()
    return answer


@route("GET", "balancers/listener")
def _where(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return where the listener of an ARN is reached."""
    found = listening.find(str(request["arn"]))
    if found is None:
        raise AdminError(f"no listener {request['arn']} accepts connections")
    return {"url": found.url}
