"""RDS: databases of templates are made through the API, so that a server runs behind them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import handler
from cdp_constructs.local.kit.sdk import call, client
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.rds import endpoints, servers, sql

__all__ = ["RESOURCE_TYPES"]

_provisioners: Any = ministack.module(
    "services.cloudformation.provisioners", "_physical_name", "_rds_db_cluster_attrs", "_rds_db_instance_attrs"
)
_rds: Any = ministack.module("services.rds", "_clusters", "_db_cluster_snapshots", "_instances", "_snapshots")

_CLUSTER, _INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"
RESOURCE_TYPES: tuple[ResourceType, ...] = tuple(
    ResourceType(name=name, blocking=True) for name in (_CLUSTER, _INSTANCE)
)

_POLL_SECONDS = 0.1
_SECONDS = 120
_RENAMED = {"VPCSecurityGroups": "VpcSecurityGroupIds"}
_UNKNOWN_TO_THE_CREATION = ("Tags", "AssociatedRoles", "ReadEndpoint", "DeleteAutomatedBackups")


def _parameters(properties: Properties, identifier: str, name: str) -> Properties:
    """Return the parameters of the request that creates what a template describes."""
    given = {_RENAMED.get(key, key): value for key, value in properties.items() if key not in _UNKNOWN_TO_THE_CREATION}
    return {**given, identifier: properties.get(identifier) or name}


def _name(logical_id: str, stack: str) -> str:
    name: str = _provisioners._physical_name(stack, logical_id, lowercase=True, max_len=63)
    return name


def _engine(properties: Properties) -> str:
    """Return the engine, which a template need not say when there is a source of the data."""
    sources = (
        (_rds._snapshots, "DBSnapshotIdentifier"),
        (_rds._db_cluster_snapshots, "SnapshotIdentifier"),
        (_rds._instances, "SourceDBInstanceIdentifier"),
        (_rds._clusters, "SourceDBClusterIdentifier"),
    )
    found = (records.get(str(properties.get(name, "")).rpartition(":")[2]) for records, name in sources)
    engine = properties.get("Engine") or next((record["Engine"] for record in found if record), "")
    return str(engine)


@patch(handler(_CLUSTER, "create"))
def _create_cluster(
    original: Callable[..., Any], logical_id: str, properties: Properties, stack: str
) -> tuple[str, Attributes]:
    if not servers.runs(_engine(properties)):
        answer: tuple[str, Attributes] = original(logical_id, properties, stack)
        return answer
    parameters = _parameters(properties, "DBClusterIdentifier", _name(logical_id, stack))
    cluster_id = parameters["DBClusterIdentifier"]
    if parameters.get("SnapshotIdentifier"):
        call("rds", "restore_db_cluster_from_snapshot", {**parameters, "Engine": _engine(properties)})
    elif parameters.get("SourceDBClusterIdentifier"):
        call("rds", "restore_db_cluster_to_point_in_time", parameters)
    else:
        call("rds", "create_db_cluster", parameters)
    # The server starts with the first instance; the addresses are the cluster's from now on.
    cluster = _rds._clusters[cluster_id]
    if parameters.get("MasterUserPassword") not in (None, cluster["_MasterUserPassword"]):
        client("rds").modify_db_cluster(
            DBClusterIdentifier=cluster_id, MasterUserPassword=parameters["MasterUserPassword"], ApplyImmediately=True
        )
    endpoints.reserve(cluster)
    attributes = _provisioners._rds_db_cluster_attrs(cluster)
    if secret := (cluster.get("MasterUserSecret") or {}).get("SecretArn"):
        attributes["MasterUserSecret.SecretArn"] = secret
    return cluster_id, attributes


@patch(handler(_INSTANCE, "create"))
def _create_instance(
    original: Callable[..., Any], logical_id: str, properties: Properties, stack: str
) -> tuple[str, Attributes]:
    if not servers.runs(_engine(properties)):
        answer: tuple[str, Attributes] = original(logical_id, properties, stack)
        return answer
    parameters = _parameters(properties, "DBInstanceIdentifier", _name(logical_id, stack))
    name = parameters["DBInstanceIdentifier"]
    if parameters.get("DBSnapshotIdentifier"):
        call("rds", "restore_db_instance_from_db_snapshot", parameters)
    elif parameters.get("SourceDBInstanceIdentifier") and parameters.get("UseLatestRestorableTime"):
        call("rds", "restore_db_instance_to_point_in_time", {**parameters, "TargetDBInstanceIdentifier": name})
    elif parameters.get("SourceDBInstanceIdentifier"):
        call("rds", "create_db_instance_read_replica", parameters)
    else:
        call("rds", "create_db_instance", parameters)
    instance = _wait(_rds._instances, name)
    password = parameters.get("MasterUserPassword")
    if not instance.get("DBClusterIdentifier") and password not in (None, instance["_MasterUserPassword"]):
        client("rds").modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword=password, ApplyImmediately=True)
    return name, _provisioners._rds_db_instance_attrs(instance)


def _wait(instances: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    deadline = time.monotonic() + _SECONDS
    while (status := instances[name]["DBInstanceStatus"]) != "available":
        if status == "failed" or time.monotonic() > deadline:
            raise ValueError(f"the database server of {name} did not start; its status is {status}")
        time.sleep(_POLL_SECONDS)
    found: Mapping[str, Any] = instances[name]
    return found


@patch(handler(_INSTANCE, "update"))
def _update_instance(
    original: Callable[..., Any], instance: str, old: Properties, new: Properties, *names: str
) -> tuple[str, Attributes]:
    """Promote a replica whose source the template no longer names, and change the password that the server takes."""
    record = _rds._instances.get(instance)
    if record is not None and sql.server_of(record):
        if old.get("SourceDBInstanceIdentifier") and not new.get("SourceDBInstanceIdentifier"):
            client("rds").promote_read_replica(DBInstanceIdentifier=instance)
            old = {name: value for name, value in old.items() if name != "SourceDBInstanceIdentifier"}
        password = new.get("MasterUserPassword")
        if not record.get("DBClusterIdentifier") and password not in (None, record["_MasterUserPassword"]):
            client("rds").modify_db_instance(
                DBInstanceIdentifier=instance, MasterUserPassword=password, ApplyImmediately=True
            )
    answer: tuple[str, Attributes] = original(instance, old, new, *names)
    return answer


@patch(handler(_CLUSTER, "update"))
def _update_cluster(
    original: Callable[..., Any], cluster: str, old: Properties, new: Properties, *names: str
) -> tuple[str, Attributes]:
    record, password = _rds._clusters.get(cluster), new.get("MasterUserPassword")
    if record is not None and servers.runs(record["Engine"]) and password not in (None, record["_MasterUserPassword"]):
        client("rds").modify_db_cluster(DBClusterIdentifier=cluster, MasterUserPassword=password, ApplyImmediately=True)
    answer: tuple[str, Attributes] = original(cluster, old, new, *names)
    return answer


@patch(handler(_INSTANCE, "delete"))
def _delete_instance(original: Callable[..., None], instance: str, properties: Properties, *names: str) -> None:
    record = _rds._instances.get(instance)
    if record is None or not servers.runs(record.get("Engine", "")):
        original(instance, properties, *names)
    else:
        client("rds").delete_db_instance(DBInstanceIdentifier=instance, SkipFinalSnapshot=True)


@patch(handler(_CLUSTER, "delete"))
def _delete_cluster(original: Callable[..., None], cluster: str, properties: Properties, *names: str) -> None:
    record = _rds._clusters.get(cluster)
    if record is None or not servers.runs(record.get("Engine", "")):
        original(cluster, properties, *names)
    else:
        client("rds").delete_db_cluster(DBClusterIdentifier=cluster, SkipFinalSnapshot=True)
