"""AWS/RDS: connections, CPU, memory and the lag of replicas, as the processes and the servers say.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.services.rds import servers, sql

_rds: Any = ministack.module("services.rds", "_instances")
_responses: Any = ministack.module("core.responses", "request_scope")

_Process: TypeAlias = tuple[int, float, str]
_NAMESPACE = "AWS/RDS"
_FRESH = 1.0
_LAG = """select case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
    else extract(epoch from clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))
    end"""
"""A server that has replayed no commit yet has been behind since it started, at most."""
_LOOK_EVERY = 2.0
_MILLISECONDS = 1000.0
_KIBIBYTE = 1024
_lags: dict[str, float] = {}
"""By the container of a server that follows another one: how many seconds it is behind."""
_looked: list[tuple[float, list[_Process], int]] = []
_used: dict[str, tuple[float, float]] = {}
"""By the ARN of an instance: when it was looked at, and the seconds of CPU that it had used then."""


@once
def _watch() -> None:
    """Begin to ask replicas how far they are behind; an answer takes too long for those who read the gauges."""
    threading.Thread(target=_measure_always, name="rds-lag", daemon=True).start()


def _measure_always() -> None:
    while True:
        for server in servers.engine.all():
            with contextlib.suppress(sql.SqlError, ValueError):
                if "MINISTACK_PG_PRIMARY_HOST" in server.container.spec.environment:
                    [lag] = sql.ask(server, _LAG)
                    _lags[server.id] = max(0.0, float(lag))
        time.sleep(_LOOK_EVERY)


def _look() -> tuple[list[_Process], int]:
    """Return the processes and the memory that is left, as they were within the last second.

    A clock that is moved by an hour reads the gauges sixty times at once.
    """
    if not _looked or time.monotonic() - _looked[0][0] > _FRESH:
        _looked[:] = [(time.monotonic(), list(_processes()), _available())]
    return _looked[0][1:]


def _processes() -> Iterator[_Process]:
    """Yield the parent, the seconds of CPU and the title of each process of this machine, and itself as a parent."""
    ticks = os.sysconf("SC_CLK_TCK")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            title = (process / "cmdline").read_text().rstrip("\0")
        except OSError:  # it has ended
            continue
        seconds = (int(fields[11]) + int(fields[12])) / ticks  # counted from the state, the third field of proc(5)
        yield int(fields[1]), seconds, title
        yield int(process.name), seconds, ""


def _available() -> int:
    """Return the bytes of memory that this machine has left."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * _KIBIBYTE


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
    if not instances or not Path("/proc").is_dir():
        return
    _watch()
    processes, available = _look()
    for (account, region, _name), instance in instances:
        server = sql.server_of(instance)
        if server is None or server.status != "running":
            continue
        with _responses.request_scope(account, region):
            _emit(instance, server.id, server.container.process_id, processes, available)


def _emit(instance: Mapping[str, Any], server: str, process: int, processes: list[_Process], available: int) -> None:
    mine = [(seconds, title) for parent, seconds, title in processes if parent == process]
    # A backend is titled with user, database and client, where other processes have what they do.
    connections = sum(
        title.startswith("postgres: ") and title.split(" ")[3:4] != [] and "(" in title for _, title in mine
    )
    now, used, arn = time.monotonic(), sum(seconds for seconds, _ in mine), instance["DBInstanceArn"]
    before = _used.get(arn)
    _used[arn] = now, used
    for dimensions in _dimensions(instance):
        emit(_NAMESPACE, "DatabaseConnections", dimensions, connections)
        emit(_NAMESPACE, "FreeableMemory", dimensions, available, unit="Bytes")
        if before and now > before[0]:
            share = max(0.0, used - before[1]) / (now - before[0]) / (os.cpu_count() or 1)
            emit(_NAMESPACE, "CPUUtilization", dimensions, min(100.0, 100 * share), unit="Percent")
        if instance.get("_pg_standby") and server in _lags:
            emit(_NAMESPACE, "AuroraReplicaLag", dimensions, _lags[server] * _MILLISECONDS, unit="Milliseconds")
        elif instance.get("ReadReplicaSourceDBInstanceIdentifier") and server in _lags:
            emit(_NAMESPACE, "ReplicaLag", dimensions, _lags[server], unit="Seconds")
