"""Redshift: provisioned clusters, of which only a record and the address of an endpoint are kept."""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit.sdk import generated_name, scope
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES", "connection"]

_PORT = 5439

_clusters: dict[tuple[str, str, str], Properties] = {}
"""Properties by account, Region and identifier."""


def _key(identifier: str) -> tuple[str, str, str]:
    where = scope()
    return where["Account"], where["Region"], identifier


def connection(identifier: str) -> Mapping[str, Any] | None:
    """Return how clients reach a cluster, or None when there is none of that name."""
    properties = _clusters.get(_key(identifier))
    if properties is None:
        return None
    account = scope()["Account"]
    return {
        "host": f"{identifier}.{account}.{scope()['Region']}.redshift.amazonaws.com",
        "port": int(properties.get("Port", _PORT)),
        "dbname": properties.get("DBName", "dev"),
    }


def _set(identifier: str, properties: Properties) -> tuple[str, Attributes]:
    _clusters[_key(identifier)] = properties
    found = connection(identifier) or {}
    arn = "arn:aws:redshift:{Region}:{Account}".format(**scope())
    return identifier, {
        "ClusterNamespaceArn": f"{arn}:namespace:{identifier}",
        "Endpoint.Address": found["host"],
        "Endpoint.Port": str(found["port"]),
    }


def _create(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
    return _set(properties.get("ClusterIdentifier") or generated_name(stack_name, logical_id).lower(), properties)


def _update(physical_id: str, _old: Properties, new: Properties, _stack_name: str) -> tuple[str, Attributes]:
    return _set(physical_id, new)


def _delete(physical_id: str, _properties: Properties) -> None:
    _clusters.pop(_key(physical_id), None)


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(name="AWS::Redshift::Cluster", create=_create, update=_update, delete=_delete),
)
