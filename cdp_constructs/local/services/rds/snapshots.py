"""RDS: snapshots of instances and clusters have their data, those of a deletion too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.rds import backups, sql
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action, error, failed

__all__ = ["DATA", "inherited"]

_rds: Any = ministack.module(
    "services.rds",
    "_clusters",
    "_create_cluster_snapshot_internal",
    "_create_snapshot_internal",
    "_db_cluster_snapshots",
    "_p",
    "_resolve_instance",
    "_snapshots",
)
_Record: TypeAlias = dict[str, Any]

DATA = "_data"
"""The key of a snapshot under which the file with its data is."""
_INHERITED = ("_MasterUserPassword", "DatabaseName", "KmsKeyId")


def inherited(record: _Record) -> _Record:
    """Return what a snapshot keeps of its source beyond what the API says of it."""
    return {name: record[name] for name in _INHERITED if record.get(name)}


@patch("ministack.services.rds:_create_snapshot_internal")
def _of_instance(original: Callable[[str, _Record], _Record], name: str, instance: _Record) -> _Record:
    server = sql.server_of(instance)
    data = backups.take(server) if server else None  # before there is a snapshot that somebody could restore
    return _with_data(original(name, instance), instance, data)


@patch("ministack.services.rds:_create_cluster_snapshot_internal")
def _of_cluster(original: Callable[[str, _Record], _Record], name: str, cluster: _Record) -> _Record:
    server = sql.server_of(cluster)
    data = backups.take(server) if server else None
    return _with_data(original(name, cluster), cluster, data)


def _with_data(snapshot: _Record, source: _Record, data: Path | None) -> _Record:
    snapshot |= inherited(source)
    if data is not None:
        snapshot[DATA] = str(data)
    return snapshot


@action("DeleteDBSnapshot")
def _delete(original: Handler, parameters: Parameters) -> Answer:
    return _discard(_rds._snapshots.get(_rds._p(parameters, "DBSnapshotIdentifier")), original(parameters))


@action("DeleteDBClusterSnapshot")
def _delete_of_cluster(original: Handler, parameters: Parameters) -> Answer:
    snapshot = _rds._db_cluster_snapshots.get(_rds._p(parameters, "DBClusterSnapshotIdentifier"))
    return _discard(snapshot, original(parameters))


def _discard(snapshot: _Record | None, answer: Answer) -> Answer:
    if snapshot and not failed(answer) and DATA in snapshot:
        backups.discard(Path(snapshot[DATA]))
    return answer


def _final(parameters: Parameters, known: Any) -> str | Answer:
    """Return the name of the snapshot that a deletion asks for, "" for none, or why the deletion is refused."""
    skipped = _rds._p(parameters, "SkipFinalSnapshot") == "true"
    name: str = _rds._p(parameters, "FinalDBSnapshotIdentifier")
    if skipped and name:
        return error(
            "InvalidParameterCombination", "FinalDBSnapshotIdentifier can't be specified with SkipFinalSnapshot."
        )
    if not skipped and not name:
        return error(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    if name in known:
        code = "DBSnapshotAlreadyExists" if known is _rds._snapshots else "DBClusterSnapshotAlreadyExistsFault"
        return error(code, f"Cannot create the snapshot because a snapshot with the identifier {name} already exists.")
    return name


@patch("ministack.services.rds:_delete_db_instance_impl")
def _delete_instance(original: Handler, parameters: Parameters) -> Answer:
    instance = _rds._resolve_instance(_rds._p(parameters, "DBInstanceIdentifier"))
    of_its_own = instance and not instance.get("DBClusterIdentifier") and sql.server_of(instance)
    if not of_its_own or instance.get("DeletionProtection") or instance.get("ReadReplicaSourceDBInstanceIdentifier"):
        return original(parameters)
    name = _final(parameters, _rds._snapshots)
    if isinstance(name, tuple):
        return name
    if name:
        _rds._create_snapshot_internal(name, instance)
    return original({**parameters, "SkipFinalSnapshot": "true"})


@action("DeleteDBCluster")
def _delete_cluster(original: Handler, parameters: Parameters) -> Answer:
    cluster = _rds._clusters.get(_rds._p(parameters, "DBClusterIdentifier"))
    if not cluster or not sql.server_of(cluster) or cluster.get("DeletionProtection") or cluster["DBClusterMembers"]:
        return original(parameters)
    name = _final(parameters, _rds._db_cluster_snapshots)
    if isinstance(name, tuple):
        return name
    if name:
        _rds._create_cluster_snapshot_internal(name, cluster)
    return original(parameters)
