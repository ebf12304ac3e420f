"""RDS: new instances and clusters with the data of a snapshot, or of another database as it is now or was at a time."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers import docker
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.rds import archives, backups, servers, snapshots, sql
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action, answered, error, failed

_rds: Any = ministack.module(
    "services.rds",
    "_cluster_xml",
    "_clusters",
    "_create_db_cluster",
    "_create_db_instance",
    "_db_cluster_snapshots",
    "_format_time",
    "_p",
    "_rds_cluster_docker_volume_name",
    "_resolve_cluster_in_request_region",
    "_resolve_instance",
    "_snapshots",
)

_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")

_OF_INSTANCES = (
    "DBInstanceClass",
    "Engine",
    "EngineVersion",
    "MasterUsername",
    "DBName",
    "AllocatedStorage",
    "StorageType",
)
_OF_CLUSTERS = ("Engine", "EngineVersion", "MasterUsername", "DatabaseName")


def _parameters(given: Parameters, source: Mapping[str, Any], inherited: tuple[str, ...]) -> dict[str, Any]:
    """Return the parameters of a creation: those of the request, and what only the source says."""
    kept = {name: str(source[name]) for name in inherited if source.get(name)}
    kept["StorageEncrypted"] = str(bool(source.get("StorageEncrypted"))).lower()
    kept["MasterUserPassword"] = source["_MasterUserPassword"]
    return {**kept, **given}


def _restore_instance(name: str, parameters: Parameters, source: Mapping[str, Any], data: Path) -> Answer:
    with servers.starting(backup=data):
        answer: Answer = _rds._create_db_instance(_parameters(parameters, source, _OF_INSTANCES))
    created, wanted = b"CreateDBInstanceRe", f"{name}Re".encode()
    return answer[0], answer[1], answer[2].replace(created, wanted)


def _restore_cluster(name: str, parameters: Parameters, source: Mapping[str, Any], data: Path) -> Answer:
    """Create a cluster whose first instance finds the data, as a cluster has its data without any instance."""
    answer: Answer = _rds._create_db_cluster(_parameters(parameters, source, _OF_CLUSTERS))
    if failed(answer):
        return answer
    cluster = _rds._clusters[_rds._p(parameters, "DBClusterIdentifier")]
    volume = _rds._rds_cluster_docker_volume_name(cluster["DBClusterIdentifier"])
    folder = docker.volume_folder(volume)
    folder.mkdir(mode=0o700)
    backups.unpack(data, folder, servers.user())
    account, region = _responses.get_account_id(), _responses.get_region()
    servers.begin_archive({"account_id": account, "region": region, "cluster_id": cluster["DBClusterIdentifier"]}, data)
    cluster |= {"_shared_volume_name": volume, "_shared_storage_initialized": True}
    return answered(name, f"<DBCluster>{_rds._cluster_xml(cluster)}</DBCluster>")


@action("RestoreDBInstanceFromDBSnapshot")
def _from_snapshot(original: Handler, parameters: Parameters) -> Answer:
    snapshot = _rds._snapshots.get(_rds._p(parameters, "DBSnapshotIdentifier").rpartition(":")[2])
    if not snapshot or snapshots.DATA not in snapshot:
        return original(parameters)
    return _restore_instance("RestoreDBInstanceFromDBSnapshot", parameters, snapshot, Path(snapshot[snapshots.DATA]))


@action("RestoreDBClusterFromSnapshot")
def _cluster_from_snapshot(_original: Handler, parameters: Parameters) -> Answer:
    name = _rds._p(parameters, "SnapshotIdentifier").rpartition(":")[2]
    snapshot = _rds._db_cluster_snapshots.get(name)
    if not snapshot:
        return error("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot not found: {name}", 404)
    if snapshots.DATA not in snapshot:
        return error("InvalidDBClusterSnapshotStateFault", f"The snapshot {name} has no data: no server ran.")
    data = Path(snapshot[snapshots.DATA])
    return _restore_cluster("RestoreDBClusterFromSnapshot", parameters, snapshot, data)


def _refusal(parameters: Parameters, source: Mapping[str, Any] | None, code: str, point: str) -> Answer | None:
    """Return why a database is not restored to a point in time."""
    if source is None:
        return error(code, "The source database was not found.", 404)
    if not int(source.get("BackupRetentionPeriod") or 0):
        return error("PointInTimeRestoreNotEnabled", "Automated backups are not enabled for the source database.")
    if _rds._p(parameters, "UseLatestRestorableTime") != "true":
        if not _rds._p(parameters, point):
            return error("InvalidParameterCombination", f"Either {point} or UseLatestRestorableTime must be specified.")
        return _out_of_range(source, _moment(parameters, point))
    return None


def _moment(parameters: Parameters, point: str) -> datetime | None:
    """Return the time that a request asks for; None for the latest one."""
    given = _rds._p(parameters, point)
    if not given or _rds._p(parameters, "UseLatestRestorableTime") == "true":
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)  # which is refused
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _out_of_range(source: Mapping[str, Any], moment: datetime | None) -> Answer | None:
    earliest, latest = archives.since(sql.server_of(source)), datetime.now(UTC)
    if moment is None or (earliest is not None and earliest <= moment <= latest):
        return None
    times = f"from {earliest:%Y-%m-%dT%H:%M:%SZ} to {latest:%Y-%m-%dT%H:%M:%SZ}" if earliest else "to the latest one"
    return error("InvalidParameterValue", f"The source can be restored to a time {times}.")


@action("RestoreDBInstanceToPointInTime")
def _to_point_in_time(_original: Handler, parameters: Parameters) -> Answer:
    source = _rds._resolve_instance(_rds._p(parameters, "SourceDBInstanceIdentifier"))
    if refused := _refusal(parameters, source, "DBInstanceNotFound", "RestoreTime"):
        return refused
    return _copied(
        source,
        _moment(parameters, "RestoreTime"),
        lambda data: _restore_instance(
            "RestoreDBInstanceToPointInTime",
            {**parameters, "DBInstanceIdentifier": _rds._p(parameters, "TargetDBInstanceIdentifier")},
            source,
            data,
        ),
    )


@action("RestoreDBClusterToPointInTime")
def _cluster_to_point_in_time(_original: Handler, parameters: Parameters) -> Answer:
    source = _rds._resolve_cluster_in_request_region(_rds._p(parameters, "SourceDBClusterIdentifier"))
    if refused := _refusal(parameters, source, "DBClusterNotFoundFault", "RestoreToTime"):
        return refused
    moment = _moment(parameters, "RestoreToTime")
    return _copied(
        source, moment, lambda data: _restore_cluster("RestoreDBClusterToPointInTime", parameters, source, data)
    )


def _copied(source: Mapping[str, Any], moment: datetime | None, restore: Callable[[Path], Answer]) -> Answer:
    server = sql.server_of(source)
    if server is None:
        return error("InvalidDBInstanceState", "No database server runs behind the source.")
    data = backups.take(server) if moment is None else archives.until(server, moment)
    try:
        return restore(data)
    finally:
        backups.discard(data)


@patch("ministack.services.rds:_instance_xml")
def _describe_instance(original: Callable[[dict[str, Any]], str], instance: dict[str, Any]) -> str:
    """Say that the latest time is now, and of a cluster what the earliest one is: those that are restored to."""
    return original({**instance, "LatestRestorableTime": _now()} if sql.server_of(instance) else instance)


@patch("ministack.services.rds:_cluster_xml")
def _describe_cluster(original: Callable[[dict[str, Any]], str], cluster: dict[str, Any]) -> str:
    server = sql.server_of(cluster)
    earliest = archives.since(server)
    since = _now() if earliest is None else str(_rds._format_time(earliest.timestamp()))
    times = {"EarliestRestorableTime": since, "LatestRestorableTime": _now()} if server else {}
    return original({**cluster, **times})


def _now() -> str:
    return str(_rds._format_time(time.time()))
