"""Cloud Map: which addresses a name has, and which instances a discovery finds, by their health.

https://docs.aws.amazon.com/cloud-map/latest/dg/services-values.html
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["addresses", "namespace_name", "set_instances"]

_sd: Any = ministack.module(
    "services.servicediscovery",
    "_deregister_instance",
    "_instance_health_status",
    "_instances",
    "_namespaces",
    "_register_instance",
    "_services",
)

_MOST = 8
"""How many addresses an answer has at most."""
_OK = 200


def namespace_name(reference: str) -> str:
    """Return the name of a namespace that is given by its name or ARN."""
    record = _sd._namespaces.get(reference.rpartition("/")[2]) or {}
    return str(record.get("Name", reference))


def _services(name: str) -> Iterator[Mapping[str, Any]]:
    """Yield the services with a name in private DNS."""
    spaces = {key: each["Name"] for key, each in _sd._namespaces.items() if each["Type"] == "DNS_PRIVATE"}
    for service in list(_sd._services.values()):
        if f"{service['Name']}.{spaces.get(service['NamespaceId'])}".lower() == name:
            yield service


def addresses(name: str) -> list[str]:
    """Return the addresses of a name of a private namespace: of what is healthy, or of all when nothing is."""
    for service in _services(name.lower().rstrip(".")):
        found = _by_health(service["Id"])
        known = [each["Attributes"]["AWS_INSTANCE_IPV4"] for each in found if "AWS_INSTANCE_IPV4" in each["Attributes"]]
        random.shuffle(known)
        weighted = (service.get("DnsConfig") or {}).get("RoutingPolicy") == "WEIGHTED"
        return known[: 1 if weighted else _MOST]
    return []


def _by_health(service: str) -> list[Mapping[str, Any]]:
    instances = list((_sd._instances.get(service) or {}).values())
    health = _sd._instance_health_status.get(service) or {}
    healthy = [each for each in instances if health.get(each["Id"], "HEALTHY") == "HEALTHY"]
    return healthy or instances


def set_instances(
    service: str, wanted: Mapping[str, Mapping[str, str]], health: Mapping[str, str], owner: Mapping[str, str]
) -> None:
    """Register instances of a service, and deregister those of the same owner that are no longer among them.

    Args:
        service: Id of the service.
        wanted: The attributes of each instance, by its id.
        health: `HEALTHY` or `UNHEALTHY`, by the id of the instance.
        owner: Attributes by which the owner's instances are known.
    """
    if service not in _sd._services:
        return
    present = dict(_sd._instances.get(service) or {})
    for key, instance in present.items():
        if key not in wanted and owner.items() <= instance["Attributes"].items():
            _sd._deregister_instance({"ServiceId": service, "InstanceId": key})
    for key, attributes in wanted.items():
        registered = {**attributes, **owner}
        if key not in present or present[key]["Attributes"] != registered:
            _sd._register_instance({"ServiceId": service, "InstanceId": key, "Attributes": registered})
        _sd._instance_health_status.setdefault(service, {})[key] = health[key]


@patch("ministack.services.servicediscovery:_discover_instances")
def _discover(original: Callable[[Any], Any], data: Mapping[str, Any]) -> Any:
    """Find the healthy instances, or all when none is, unless the request says which; and those with its parameters."""
    asked = data.get("HealthStatus") or "HEALTHY_OR_ELSE_ALL"
    answer = original({**data, "HealthStatus": "ALL" if asked == "HEALTHY_OR_ELSE_ALL" else asked})
    if answer[0] != _OK:
        return answer
    found = json.loads(answer[2])["Instances"]
    required, optional = data.get("QueryParameters") or {}, data.get("OptionalParameters") or {}
    found = [each for each in found if required.items() <= each["Attributes"].items()]
    found = [each for each in found if optional.items() <= each["Attributes"].items()] or found
    if asked == "HEALTHY_OR_ELSE_ALL":
        found = [each for each in found if each["HealthStatus"] == "HEALTHY"] or found
    limit = int(data.get("MaxResults") or 100)
    return *answer[:2], json.dumps({"Instances": found[:limit]}).encode()
