"""RDS: a database server that has died is replaced, by a reader of its cluster or a standby in another zone if it can.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import arns, lost_zones, ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.rds import events, servers, sql, standbys
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action, failed

__all__ = ["fail_over", "watch"]

_rds: Any = ministack.module(
    "services.rds",
    "_cluster_member_instances",
    "_clusters",
    "_instances",
    "_p",
    "_revive_pg_reader",
    "_sync_cluster_endpoints",
)

_POLL_SECONDS = 0.2
_logger = logging.getLogger(__name__)
_waiting: set[str] = set()
"""ARNs of the instances whose zone is lost, and that no other zone can have."""


@once
def watch() -> None:
    """Begin to look after the servers."""
    threading.Thread(target=_watch, name="rds-recovery", daemon=True).start()


def _watch() -> None:
    while True:
        for instance in _lost():
            with arns.scope(instance["DBInstanceArn"]):
                try:
                    _recover(instance)
                except Exception:
                    _logger.exception("%s could not be recovered", instance["DBInstanceIdentifier"])
        time.sleep(_POLL_SECONDS)


def _lost() -> Iterator[dict[str, Any]]:
    """Yield the instances whose server has ended, except those that wait for their zone."""
    ended = {container.id for container in servers.engine.all() if container.status == "exited"}
    for instance in list(_rds._instances.all_values()) if ended else []:
        waits = instance["DBInstanceArn"] in _waiting
        if instance.get("_docker_container_id") not in ended:
            _waiting.discard(instance["DBInstanceArn"])
        elif not lost_zones.is_lost(instance["AvailabilityZone"]) if waits else _is_available(instance):
            yield instance


def _is_available(instance: Mapping[str, Any]) -> bool:
    return instance.get("DBInstanceStatus") == "available"


def _recover(instance: dict[str, Any]) -> None:
    name = instance["DBInstanceIdentifier"]
    cluster = _rds._clusters.get(instance.get("DBClusterIdentifier") or "")
    readers = _readers(cluster) if cluster is not None and not instance.get("_pg_standby") else []
    if readers:
        client("rds").failover_db_cluster(
            DBClusterIdentifier=cluster["DBClusterIdentifier"], TargetDBInstanceIdentifier=readers[0]
        )
    elif cluster is None and standbys.fail_over(instance):
        _waiting.discard(instance["DBInstanceArn"])
    elif lost_zones.is_lost(instance["AvailabilityZone"]):
        _wait_for_zone(instance)
    elif instance.get("_pg_standby"):
        instance["DBInstanceStatus"] = "rebooting"
        _rds._sync_cluster_endpoints(cluster)
        _rds._revive_pg_reader(name, instance, cluster)
    else:
        _start_again(instance)


def _wait_for_zone(instance: dict[str, Any]) -> None:
    _waiting.add(instance["DBInstanceArn"])
    instance["DBInstanceStatus"] = "rebooting"
    if cluster := _rds._clusters.get(instance.get("DBClusterIdentifier") or ""):
        _rds._sync_cluster_endpoints(cluster)


def fail_over(instance: dict[str, Any]) -> bool:
    """Let the standby of an instance take over, a moment later; False when there is none that could."""
    standby, primary = standbys.standby_of(instance), sql.server_of(instance)
    if standby is None or standby.status != "running" or primary is None:
        return False
    primary.container.send_signal(signal.SIGKILL)
    return True


@patch("ministack.services.rds:_revive_pg_reader")
def _revive(original: Callable[..., bool], name: str, instance: dict[str, Any], cluster: dict[str, Any]) -> bool:
    """Leave a reader that a failover makes of the former writer where it is, when its zone is lost."""
    if not lost_zones.is_lost(instance["AvailabilityZone"]):
        return original(name, instance, cluster)
    instance["DBInstanceStatus"] = "available"  # what the failover waits for
    return True


@patch("ministack.services.rds:_promote_pg_reader")
def _promote(original: Callable[..., bool], instance: Mapping[str, Any]) -> bool:
    """Take a reader that is no standby any more for promoted: an attempt before may have ended without an answer."""
    if original(instance):
        return True
    server = sql.server_of(instance)
    try:
        return server is not None and sql.ask(server, "select not pg_is_in_recovery()") == ["t"]
    except sql.SqlError:
        return False


@patch("ministack.services.rds:_reclone_old_pg_writer")
def _reclone(original: Callable[..., bool], cluster: dict[str, Any], instance: dict[str, Any], old: Any) -> bool:
    recloned = original(cluster, instance, old)
    if lost_zones.is_lost(instance["AvailabilityZone"]):
        _wait_for_zone(instance)
    return recloned


def _readers(cluster: Mapping[str, Any]) -> list[str]:
    """Return the readers that can become the writer, in the order of their priority."""
    members = _rds._cluster_member_instances(cluster)
    running = {container.id for container in servers.engine.all() if container.status == "running"}
    able = [
        each
        for each in members
        if each.get("_pg_standby") and _is_available(each) and each.get("_docker_container_id") in running
    ]
    return [str(each["DBInstanceIdentifier"]) for each in sorted(able, key=lambda each: each.get("PromotionTier", 1))]


def _start_again(instance: dict[str, Any]) -> None:
    """Start the same server with its data, as PostgreSQL recovers from a crash."""
    server = servers.engine.containers.get(instance["_docker_container_id"])
    if server.status == "running":  # something else has replaced it meanwhile
        return
    server.start()
    if instance["DBInstanceArn"] in _waiting:
        _waiting.discard(instance["DBInstanceArn"])
        instance["DBInstanceStatus"] = "available"
    events.of_instance(instance, "RDS-EVENT-0006", "availability", "DB instance restarted.")


@action("FailoverDBCluster")
def _fail_over(original: Handler, parameters: Parameters) -> Answer:
    answer = original(parameters)
    cluster = _rds._clusters.get(_rds._p(parameters, "DBClusterIdentifier"))
    if cluster and not failed(answer):
        writer = next(each["DBInstanceIdentifier"] for each in cluster["DBClusterMembers"] if each["IsClusterWriter"])
        for event_id, message in (("RDS-EVENT-0073", "Started cross AZ"), ("RDS-EVENT-0071", "Completed")):
            events.of_cluster(cluster, event_id, "failover", f"{message} failover to DB instance: {writer}")
    return answer


@route("POST", "databases/kill")
def _kill(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Kill the server of an instance, as a crash does."""
    instance = next(
        (each for each in _rds._instances.all_values() if each["DBInstanceArn"] == request["instance"]), None
    )
    if instance is None or instance.get("_docker_container_id") is None:
        raise AdminError(f"no server runs behind {request['instance']}")
    servers.engine.containers.get(instance["_docker_container_id"]).container.send_signal(signal.SIGKILL)
    return {}
