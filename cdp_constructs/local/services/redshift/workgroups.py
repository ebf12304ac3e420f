"""Redshift Serverless: namespaces and workgroups, as far as the Data API needs them."""

import uuid
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.kit.sdk import scope
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES", "Workgroup", "connection", "find"]

_Key = tuple[str, str, str]

_PORT = 5439


@dataclass(frozen=True)
class Workgroup:
    """A workgroup and what its namespace says.

    Attributes:
        arn: Of the workgroup.
        namespace: Name of its namespace.
        database: The database that the namespace was made with.
        roles: ARNs of the roles that COPY may name.
    """

    arn: str
    namespace: str
    database: str
    roles: tuple[str, ...]


_namespaces: dict[_Key, Properties] = {}
_workgroups: dict[_Key, tuple[str, str]] = {}
"""By account, Region and name: ARN and namespace."""


def _key(name: str) -> _Key:
    where = scope()
    return where["Account"], where["Region"], name


def _arn(kind: str, identifier: str) -> str:
    return "arn:aws:redshift-serverless:{Region}:{Account}:{0}/{1}".format(kind, identifier, **scope())


def find(account: str, region: str, name: str) -> Workgroup | None:
    """Return the workgroup of a name, or None."""
    found = _workgroups.get((account, region, name))
    if found is None:
        return None
    arn, namespace = found
    properties = _namespaces.get((account, region, namespace), {})
    return Workgroup(arn, namespace, properties.get("DbName", "dev"), tuple(properties.get("IamRoles", ())))


def connection(namespace: str) -> dict[str, Any] | None:
    """Return how clients reach a namespace, or None when there is none of that name; a workgroup has the address."""
    key = _key(namespace)
    if key not in _namespaces:
        return None
    reached: dict[str, Any] = {"port": _PORT, "dbname": _namespaces[key].get("DbName", "dev")}
    for (of_account, of_region, name), (_, used) in _workgroups.items():
        if (of_account, of_region, used) == key:
            return {"host": _host(name), **reached}
    return reached


def _host(workgroup: str) -> str:
    return "{0}.{Account}.{Region}.redshift-serverless.amazonaws.com".format(workgroup, **scope())


def _create_namespace(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    name = properties["NamespaceName"]
    _namespaces[_key(name)] = properties
    return name, {"Namespace.NamespaceArn": _arn("namespace", str(uuid.uuid4())), "Namespace.NamespaceName": name}


def _update_namespace(physical_id: str, _old: Properties, new: Properties, stack_name: str) -> tuple[str, Attributes]:
    return _create_namespace(physical_id, new, stack_name)


def _delete_namespace(physical_id: str, _properties: Properties) -> None:
    _namespaces.pop(_key(physical_id), None)


def _create_workgroup(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    name = properties["WorkgroupName"]
    identifier = str(uuid.uuid4())
    known, _ = _workgroups.get(_key(name), ("", ""))
    arn = known or _arn("workgroup", identifier)
    _workgroups[_key(name)] = (arn, properties.get("NamespaceName", ""))
    attributes: dict[str, Any] = {
        "Workgroup.WorkgroupArn": arn,
        "Workgroup.WorkgroupId": arn.rpartition("/")[2],
        "Workgroup.WorkgroupName": name,
        "Workgroup.NamespaceName": properties.get("NamespaceName", ""),
        "Workgroup.Endpoint.Address": _host(name),
        "Workgroup.Endpoint.Port": str(_PORT),
    }
    return name, attributes


def _update_workgroup(physical_id: str, _old: Properties, new: Properties, stack_name: str) -> tuple[str, Attributes]:
    return _create_workgroup(physical_id, new, stack_name)


def _delete_workgroup(physical_id: str, _properties: Properties) -> None:
    _workgroups.pop(_key(physical_id), None)


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        name="AWS::RedshiftServerless::Namespace",
        create=_create_namespace,
        update=_update_namespace,
        delete=_delete_namespace,
    ),
    ResourceType(
        name="AWS::RedshiftServerless::Workgroup",
        create=_create_workgroup,
        update=_update_workgroup,
        delete=_delete_workgroup,
    ),
)
