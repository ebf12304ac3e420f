"""ECS: tasks are registered in Cloud Map, and find others by name: by private DNS, and by Service Connect.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect.html
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.containers import addresses
from cdp_constructs.local.kit import arns, ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.kit.refine import after, handler
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.ecs import dependencies
from cdp_constructs.local.services.ecs.records import definition_of, service_key
from cdp_constructs.local.services.servicediscovery import names

__all__ = ["destination", "resolve"]

_ecs: Any = ministack.module(
    "services.ecs",
    "_ACTION_MAP",
    "_cluster_name_from_arn",
    "_clusters",
    "_resolve_cluster_name",
    "_services",
    "_task_ip",
    "_tasks",
)
_provisioners: Any = ministack.module("services.cloudformation.provisioners", "_pascal_to_camel")
_responses: Any = ministack.module("core.responses", "get_region")

_SERVICE, _CLUSTER = "AWS::ECS::Service", "AWS::ECS::Cluster"
_CONFIGURATION = "serviceConnectConfiguration"
_GATEWAY = "127.0.0.1"
_DATA_PLANE = f"data-{_GATEWAY}"
"""What SDKs make of the endpoint for DiscoverInstances, which has a host of its own on AWS."""
_of_template: ContextVar[Mapping[str, Any] | None] = ContextVar("_of_template", default=None)
"""What a template says of a service that MiniStack's handler leaves out."""
_virtual: dict[tuple[str, str], str] = {}
"""The address that stands for an alias of Service Connect, by cluster and name."""
_turns: dict[str, Iterator[int]] = defaultdict(itertools.count)


# --- What a service says of it ----------------------------------------------------------------------------------------


def _said(properties: Properties) -> Mapping[str, Any]:
    named = {"ServiceRegistries": "serviceRegistries", "ServiceConnectConfiguration": _CONFIGURATION}
    return {name: _provisioners._pascal_to_camel(properties[key]) for key, name in named.items() if properties.get(key)}


@patch(handler(_SERVICE, "create"))
def _create_of_template(original: Callable[..., Any], logical_id: str, properties: Properties, stack: str) -> Any:
    token = _of_template.set(_said(properties))
    try:
        return original(logical_id, properties, stack)
    finally:
        _of_template.reset(token)


@patch(handler(_SERVICE, "update"))
def _update_of_template(
    original: Callable[..., Any], physical_id: str, old: Properties, new: Properties, *stack: str
) -> Any:
    token = _of_template.set({"serviceRegistries": [], _CONFIGURATION: {}, **_said(new)})
    try:
        return original(physical_id, old, new, *stack)
    finally:
        _of_template.reset(token)


@patch_each(
    "ministack.services.ecs:_create_service",
    "ministack.services.ecs:_update_service",
    "ministack.services.ecs:_ACTION_MAP[CreateService]",
    "ministack.services.ecs:_ACTION_MAP[UpdateService]",
)
def _keep(original: Callable[[Any], Any], data: Mapping[str, Any]) -> Any:
    said = {**data, **(_of_template.get() or {})}
    answer = original(said)
    cluster = _ecs._resolve_cluster_name(said.get("cluster", "default"))
    name = str(said.get("serviceName") or said.get("service", "")).rpartition("/")[2]
    service = _ecs._services.get(f"{cluster}/{name}")
    for kept in ("serviceRegistries", _CONFIGURATION):
        if service is not None and kept in said:
            service[kept] = said[kept]
    return answer


@after(_CLUSTER)
def _keep_namespace(cluster: str, properties: Properties, _attributes: Attributes) -> None:
    if defaults := properties.get("ServiceConnectDefaults"):
        _ecs._clusters[cluster]["serviceConnectDefaults"] = _provisioners._pascal_to_camel(defaults)


# --- Tasks in Cloud Map -----------------------------------------------------------------------------------------------


def _running(service: Mapping[str, Any]) -> list[dict[str, Any]]:
    group = f"service:{service['serviceName']}"
    return [
        task
        for task in list(_ecs._tasks.values())
        if (task["group"], task["clusterArn"]) == (group, service["clusterArn"])
        and task["lastStatus"] == "RUNNING"
        and _ecs._task_ip(task)
    ]


def _is_healthy(task: Mapping[str, Any]) -> bool:
    return dependencies.is_healthy(task, definition_of(task))


def _attributes(task: Mapping[str, Any], registry: Mapping[str, Any]) -> dict[str, str]:
    attributes = {
        "AWS_INSTANCE_IPV4": str(_ecs._task_ip(task)),
        "AVAILABILITY_ZONE": task["availabilityZone"],
        "REGION": _responses.get_region(),
        "ECS_TASK_DEFINITION_FAMILY": str(definition_of(task).get("family", "")),
    }
    if port := registry.get("containerPort") or registry.get("port"):
        attributes["AWS_INSTANCE_PORT"] = str(port)
    return attributes


@patch("ministack.services.ecs:_sync_service_targets")
def _register(original: Callable[..., None], cluster: str, service: dict[str, Any]) -> None:
    original(cluster, service)
    tasks = _running(service) if service.get("serviceRegistries") and service["status"] == "ACTIVE" else []
    by_id = {task["taskArn"].rpartition("/")[2]: task for task in tasks}
    health = {key: "HEALTHY" if _is_healthy(task) else "UNHEALTHY" for key, task in by_id.items()}
    owner = {"ECS_CLUSTER_NAME": cluster, "ECS_SERVICE_NAME": service["serviceName"]}
    for registry in service.get("serviceRegistries") or []:
        wanted = {key: _attributes(task, registry) for key, task in by_id.items()}
        names.set_instances(registry["registryArn"].rpartition("/")[2], wanted, health, owner)


# --- What a task asks -------------------------------------------------------------------------------------------------


def _namespace(service: Mapping[str, Any]) -> str:
    """Return the name of the namespace of a service for Service Connect; empty when it takes no part."""
    configuration = service.get(_CONFIGURATION) or {}
    if not configuration.get("enabled"):
        return ""
    cluster = _ecs._clusters.get(_ecs._cluster_name_from_arn(service["clusterArn"])) or {}
    default = (cluster.get("serviceConnectDefaults") or {}).get("namespace", "")
    return names.namespace_name(configuration.get("namespace") or default)


def _aliases(task: Mapping[str, Any]) -> Iterator[tuple[str, int, Mapping[str, Any], str]]:
    """Yield name and port of each alias that a task may use, the service behind it and the name of its port."""
    namespace = _namespace(_ecs._services.get(service_key(task)) or {})
    for service in list(_ecs._services.values()) if namespace else []:
        if _namespace(service) != namespace or service["status"] != "ACTIVE":
            continue
        for offered in service[_CONFIGURATION].get("services") or []:
            port_name = offered["portName"]
            default = f"{offered.get('discoveryName') or port_name}.{namespace}"
            for alias in offered.get("clientAliases") or []:
                yield str(alias.get("dnsName") or default).lower(), int(alias["port"]), service, port_name


def _record(task: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = _ecs._tasks.get_scoped(*arns.place(task), task)
    return found


def resolve(task: str, name: str) -> list[str]:
    """Return the addresses that a name has for a task; none when it is not one of Cloud Map or Service Connect."""
    record = _record(task)
    name = name.lower().rstrip(".")
    if name == _DATA_PLANE:
        return [_GATEWAY]
    with arns.scope(task):
        if record is not None and any(alias == name for alias, *_ in _aliases(record)):
            key = (record["clusterArn"], name)
            return [_virtual.get(key) or _virtual.setdefault(key, addresses.take())]
        return names.addresses(name)


def destination(task: str, address: str, port: int) -> tuple[str, int] | None:
    """Return where a connection of a task to an alias of Service Connect leads, to each healthy task in turn.

    Raises:
        LookupError: the alias has no such port, or no task answers.
    """
    alias = next((name for (_cluster, name), virtual in _virtual.items() if virtual == address), None)
    record = _record(task)
    if alias is None or record is None:
        return None
    with arns.scope(task):
        for name, offered, service, port_name in _aliases(record):
            if (name, offered) == (alias, port):
                return _next(service, port_name)
    raise LookupError(f"{alias} has no port {port} in Service Connect")


def _next(service: Mapping[str, Any], port_name: str) -> tuple[str, int]:
    tasks = sorted((task for task in _running(service) if _is_healthy(task)), key=lambda task: str(task["taskArn"]))
    if not tasks:
        raise LookupError(f"no healthy task of {service['serviceName']} runs")
    task = tasks[next(_turns[service["serviceArn"]]) % len(tasks)]
    for container in definition_of(task).get("containerDefinitions", []):
        for mapping in container.get("portMappings") or []:
            if mapping.get("name") == port_name:
                return str(_ecs._task_ip(task)), int(mapping["containerPort"])
    raise LookupError(f"no container of {service['serviceName']} has a port named {port_name}")
