"""RDS: read replicas of instances follow them by streaming replication, until they are promoted."""

import threading
import time
from collections.abc import Mapping
from contextvars import copy_context
from typing import Any, TypeAlias

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.rds import endpoints, servers, sql, zones
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action, answered, error, failed

__all__ = ["follow", "is_ready", "promote"]

_rds: Any = ministack.module(
    "services.rds",
    "_PG_REPLICATION_PASSWORD",
    "_PG_REPLICATION_SOURCE_SCRIPT",
    "_PG_REPLICATION_USER",
    "_instance_xml",
    "_instances",
    "_p",
    "_rds_docker_name",
    "_resolve_instance",
    "_single_instance_response",
)
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")
_Record: TypeAlias = dict[str, Any]

_POLL_SECONDS = 0.1
_SECONDS = 120.0
_PREPARATION_SECONDS = 60.0


def follow(source: Mapping[str, Any], name: str, labels: Mapping[str, str], *, standby: str = "") -> DockerContainer:
    """Start a server that follows the one of an instance.

    Args:
        source: The instance.
        name: Name of the container.
        labels: What it is labelled with.
        standby: The name by which the source waits for it before a commit is complete; it does not wait by default.

    Raises:
        sql.SqlError: the source does not run.
    """
    primary = sql.server_of(source)
    if primary is None:
        raise sql.SqlError("no database server runs behind the source")
    sql.run(primary, ["sh", "-c", _rds._PG_REPLICATION_SOURCE_SCRIPT], _PREPARATION_SECONDS)
    given = {
        "POSTGRES_USER": source["MasterUsername"],
        "POSTGRES_PASSWORD": source["_MasterUserPassword"],
        "POSTGRES_DB": source.get("DBName") or "postgres",
        "MINISTACK_PG_PRIMARY_HOST": source["Endpoint"]["Address"],  # which stays when the primary changes
        "MINISTACK_PG_PRIMARY_PORT": str(endpoints.PORT),
        "MINISTACK_PG_REPLICATION_USER": _rds._PG_REPLICATION_USER,
        "MINISTACK_PG_REPLICATION_PASSWORD": _rds._PG_REPLICATION_PASSWORD,
        **({"CDP_STANDBY_NAME": standby} if standby else {}),
    }
    group = (source.get("DBParameterGroups") or [{}])[0].get("DBParameterGroupName")
    with servers.starting(group=group, engine=(source["Engine"], source["EngineVersion"])):
        return servers.start(name, given, labels)


def is_ready(server: DockerContainer, primary: DockerContainer) -> bool:
    """Wait until a server answers; False when it, or the one that it follows, has ended before."""
    deadline = time.monotonic() + _SECONDS
    while server.status == primary.status == "running" and time.monotonic() < deadline:
        try:
            return sql.ask(server, "select 1") == ["1"]
        except sql.SqlError:
            time.sleep(_POLL_SECONDS)
    return False


def promote(server: DockerContainer) -> None:
    """Let a server that follows another one take writes.

    Raises:
        sql.SqlError: it does not run, or did not become a primary in time.
    """
    if sql.ask(server, "select pg_promote(true, 30) and not pg_is_in_recovery()") != ["t"]:
        raise sql.SqlError("the server did not become a primary")


def _source_of(parameters: Parameters) -> _Record | None:
    """Return the source of a replica, which may be in another Region when it is named by its ARN."""
    name = _rds._p(parameters, "SourceDBInstanceIdentifier")
    parsed = name.split(":")
    if len(parsed) > 1:
        found: _Record | None = _rds._instances.get_scoped(parsed[4], parsed[3], parsed[-1])
        return found
    return _rds._resolve_instance(name)  # type: ignore[no-any-return]


@action("CreateDBInstanceReadReplica")
def _create(original: Handler, parameters: Parameters) -> Answer:
    source = _source_of(parameters)
    if source is None or sql.server_of(source) is None:
        return original(parameters)
    if not int(source.get("BackupRetentionPeriod") or 0):
        return error(
            "InvalidDBInstanceState",
            f"Automated backups are not enabled for {source['DBInstanceIdentifier']}; read replicas need them.",
        )
    name = _rds._p(parameters, "DBInstanceIdentifier")
    if name in _rds._instances:
        return error("DBInstanceAlreadyExists", f"DBInstance {name} already exists.")
    labels = {"db_id": name, "account_id": _responses.get_account_id(), "region": _responses.get_region()}
    arn = endpoints.instance_arn(labels, name)
    with endpoints.reserved(arn):
        try:
            server = follow(source, _rds._rds_docker_name(name), labels)
        except sql.SqlError as refused:
            return error("InvalidDBInstanceState", str(refused))
        answer = _described(original, parameters, source)
        if failed(answer):
            server.remove()
            return answer
        replica = _rds._instances[name]
        replica |= {
            "DBInstanceStatus": "creating",
            "_docker_container_id": server.id,
            "_docker_volume_name": None,
            "_internal_address": server.container.spec.address,
            "_internal_port": endpoints.PORT,
            "DBInstanceClass": _rds._p(parameters, "DBInstanceClass") or source["DBInstanceClass"],
            "MultiAZ": _rds._p(parameters, "MultiAZ") == "true",
            "AvailabilityZone": _rds._p(parameters, "AvailabilityZone") or zones.beside(replica, source),
            "SecondaryAvailabilityZone": "",
            "PendingModifiedValues": {},
            "StatusInfos": [],
        }
        replica.pop("_standby", None)
        endpoints.lead(replica)
    threading.Thread(
        target=copy_context().run,
        args=(_await, replica, server, sql.server_of(source)),
        name="rds-replica",
        daemon=True,
    ).start()
    return _rds._single_instance_response(  # type: ignore[no-any-return]
        "CreateDBInstanceReadReplicaResponse", "CreateDBInstanceReadReplicaResult", replica
    )


def _described(original: Handler, parameters: Parameters, source: _Record) -> Answer:
    """Let MiniStack describe the replica; it knows no sources of other Regions."""
    name = source["DBInstanceIdentifier"]
    if _rds._resolve_instance(name) is source:
        return original({**parameters, "SourceDBInstanceIdentifier": name})
    _rds._instances[name] = source
    try:
        answer = original({**parameters, "SourceDBInstanceIdentifier": name})
    finally:
        del _rds._instances[name]
    if not failed(answer):
        replica = _rds._instances[_rds._p(parameters, "DBInstanceIdentifier")]
        replica["ReadReplicaSourceDBInstanceIdentifier"] = source["DBInstanceArn"]
        source["ReadReplicaDBInstanceIdentifiers"][-1] = replica["DBInstanceArn"]
    return answer


def _await(replica: _Record, server: DockerContainer, primary: DockerContainer) -> None:
    replica["DBInstanceStatus"] = "available" if is_ready(server, primary) else "failed"


def _forget(replica: _Record) -> None:
    """Take a replica out of what its source says of itself."""
    for source in _rds._instances.all_values():
        known = source.get("ReadReplicaDBInstanceIdentifiers") or []
        for name in (replica["DBInstanceIdentifier"], replica["DBInstanceArn"]):
            if name in known and source is not replica:
                known.remove(name)


@action("PromoteReadReplica")
def _promote(_original: Handler, parameters: Parameters) -> Answer:
    name = _rds._p(parameters, "DBInstanceIdentifier")
    replica = _rds._resolve_instance(name)
    if replica is None:
        return error("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
    server = sql.server_of(replica)
    if not replica.get("ReadReplicaSourceDBInstanceIdentifier") or server is None:
        return error("InvalidDBInstanceState", f"DB instance {name} is not a read replica.")
    try:
        promote(server)
    except sql.SqlError as refused:
        return error("InvalidDBInstanceState", str(refused))
    _forget(replica)
    replica |= {"ReadReplicaSourceDBInstanceIdentifier": "", "DBInstanceStatus": "available"}
    if period := _rds._p(parameters, "BackupRetentionPeriod"):
        replica["BackupRetentionPeriod"] = int(period)
    return answered("PromoteReadReplica", f"<DBInstance>{_rds._instance_xml(replica)}</DBInstance>")


@patch("ministack.services.rds:_delete_db_instance_impl")
def _delete(original: Handler, parameters: Parameters) -> Answer:
    """Replicas of a deleted instance of the same Region are promoted, as RDS does with those of PostgreSQL."""
    instance = _rds._resolve_instance(_rds._p(parameters, "DBInstanceIdentifier"))
    answer = original(parameters)
    if not failed(answer) and instance:
        _forget(instance)
        for name in list(instance.get("ReadReplicaDBInstanceIdentifiers") or []):
            if name in _rds._instances:
                _promote({"DBInstanceIdentifier": name})
    return answer
