"""AWS/RDS: connections, CPU, memory, storage and the lag of replicas, as the processes and the servers say.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
"""

import contextlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.service_metrics import machine
from cdp_constructs.local.services.rds import servers, sql

_rds: Any = ministack.module("services.rds", "_instances")
_responses: Any = ministack.module("core.responses", "request_scope")

_NAMESPACE = "AWS/RDS"
_LAG = """select case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
    else extract(epoch from clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))
    end"""
"""A server that has replayed no commit yet has been behind since it started, at most."""
_LOOK_EVERY = 2.0
_MILLISECONDS = 1000.0
_KIBIBYTE, _GIBIBYTE = 1024, 1024**3
_lags: dict[str, float] = {}
"""By the container of a server that follows another one: how many seconds it is behind."""
_used: dict[str, tuple[float, float]] = {}
"""By the ARN of an instance: when it was looked at, and the seconds of CPU that it had used then."""


@once
def _watch() -> None:
    """Begin to ask replicas how far they are behind; an answer takes too long for those who read the gauges."""
    threading.Thread(target=_measure_always, name="rds-lag", daemon=True).start()


def _measure_always() -> None:
    while True:
        known = servers.engine.all()
        for server in known:
            with contextlib.suppress(sql.SqlError, ValueError):
                if "MINISTACK_PG_PRIMARY_HOST" in server.container.spec.environment:
                    [lag] = sql.ask(server, _LAG)
                    _lags[server.id] = max(0.0, float(lag))
        for gone in _lags.keys() - {server.id for server in known}:
            del _lags[gone]
        time.sleep(_LOOK_EVERY)


def _available() -> int:
    """Return the bytes of memory that this machine has left."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * _KIBIBYTE


def _stored(data: Path) -> int:
    """Return how many bytes a data folder has; its server makes and removes files meanwhile."""
    stored = 0
    for folder, _folders, files in os.walk(data):
        for file in files:
            with contextlib.suppress(OSError):
                stored += (Path(folder) / file).stat().st_size
    return stored


def _dimensions(instance: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the dimensions under which an instance is counted: its own, and those of its cluster."""
    own = [{"DBInstanceIdentifier": instance["DBInstanceIdentifier"]}]
    if cluster := instance.get("DBClusterIdentifier"):
        role = "READER" if instance.get("_pg_standby") else "WRITER"
        own += [{"DBClusterIdentifier": cluster}, {"DBClusterIdentifier": cluster, "Role": role}]
    return own


@gauge
def _measure() -> None:
    instances = [(key, each) for key, each in _rds._instances.all_items() if sql.server_of(each)]
    for gone in _used.keys() - {each["DBInstanceArn"] for _, each in instances}:
        _used.pop(gone, None)
    if not instances or not Path("/proc").is_dir():
        return
    _watch()
    _at, processes = machine.processes()
    available = _available()
    for (account, region, _name), instance in instances:
        server = sql.server_of(instance)
        if server is None or server.status != "running":
            continue
        with _responses.request_scope(account, region):
            _emit(instance, server.id, server.container.process_id, processes, available)
            if not instance.get("DBClusterIdentifier"):  # Aurora's storage grows
                data = Path(server.container.spec.environment["PGDATA"])
                left = max(0, int(instance.get("AllocatedStorage") or 20) * _GIBIBYTE - _stored(data))
                emit(_NAMESPACE, "FreeStorageSpace", _dimensions(instance)[0], left, unit="Bytes")


def _emit(
    instance: Mapping[str, Any], server: str, process: int, processes: Sequence[machine.Process], available: int
) -> None:
    mine = [each for each in processes if process in {each.id, each.parent}]
    # A backend is titled with user, database and client, where other processes have what they do.
    titles = [machine.title(each.id) for each in mine if each.id != process]
    connections = sum(
        title.startswith("postgres: ") and title.split(" ")[3:4] != [] and "(" in title for title in titles
    )
    now, used, arn = time.monotonic(), sum(each.seconds for each in mine), instance["DBInstanceArn"]
    before, lag = _used.get(arn), _lags.get(server)
    _used[arn] = now, used
    for dimensions in _dimensions(instance):
        emit(_NAMESPACE, "DatabaseConnections", dimensions, connections)
        emit(_NAMESPACE, "FreeableMemory", dimensions, available, unit="Bytes")
        if before and now > before[0]:
            share = max(0.0, used - before[1]) / (now - before[0]) / (os.cpu_count() or 1)
            emit(_NAMESPACE, "CPUUtilization", dimensions, min(100.0, 100 * share), unit="Percent")
        if lag is not None and instance.get("_pg_standby"):
            emit(_NAMESPACE, "AuroraReplicaLag", dimensions, lag * _MILLISECONDS, unit="Milliseconds")
        elif lag is not None and instance.get("ReadReplicaSourceDBInstanceIdentifier"):
            emit(_NAMESPACE, "ReplicaLag", dimensions, lag, unit="Seconds")
