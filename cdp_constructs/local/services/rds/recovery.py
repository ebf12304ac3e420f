"""RDS: a database server that has died is replaced, by a reader of its cluster when there is one.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html
"""

import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.rds import events, servers, standbys
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action, failed

__all__ = ["watch"]

_rds: Any = ministack.module(
    "services.rds",
    "_cluster_member_instances",
    "_clusters",
    "_instances",
    "_p",
    "_revive_pg_reader",
    "_sync_cluster_endpoints",
)
_responses: Any = ministack.module("core.responses", "request_scope")

_POLL_SECONDS = 0.2
_logger = logging.getLogger(__name__)


@once
def watch() -> None:
    """Begin to look after the servers."""
    threading.Thread(target=_watch, name="rds-recovery", daemon=True).start()


def _watch() -> None:
    while True:
        for instance in _lost():
            account, region = instance["DBInstanceArn"].split(":")[4], instance["DBInstanceArn"].split(":")[3]
            with _responses.request_scope(account, region):
                try:
                    _recover(instance)
                except Exception:
                    _logger.exception("%s could not be recovered", instance["DBInstanceIdentifier"])
        time.sleep(_POLL_SECONDS)


def _lost() -> Iterator[dict[str, Any]]:
    """Yield the instances that should answer and whose server has ended."""
    ended = {container.id for container in servers.engine.all() if container.status == "exited"}
    for instance in list(_rds._instances.all_values()) if ended else []:
        if instance.get("DBInstanceStatus") == "available" and instance.get("_docker_container_id") in ended:
            yield instance


def _recover(instance: dict[str, Any]) -> None:
    name = instance["DBInstanceIdentifier"]
    cluster = _rds._clusters.get(instance.get("DBClusterIdentifier") or "")
    if cluster is None:
        if not standbys.fail_over(instance):
            _start_again(instance)
    elif instance.get("_pg_standby"):
        instance["DBInstanceStatus"] = "rebooting"
        _rds._sync_cluster_endpoints(cluster)
        _rds._revive_pg_reader(name, instance, cluster)
    elif readers := _readers(cluster):
        client("rds").failover_db_cluster(
            DBClusterIdentifier=cluster["DBClusterIdentifier"], TargetDBInstanceIdentifier=readers[0]
        )
    else:
        _start_again(instance)


def _readers(cluster: Mapping[str, Any]) -> list[str]:
    """Return the readers that can become the writer, in the order of their priority."""
    members = _rds._cluster_member_instances(cluster)
    able = [each for each in members if each.get("_pg_standby") and each["DBInstanceStatus"] == "available"]
    return [str(each["DBInstanceIdentifier"]) for each in sorted(able, key=lambda each: each.get("PromotionTier", 1))]


def _start_again(instance: Mapping[str, Any]) -> None:
    """Start the same server with its data, as PostgreSQL recovers from a crash."""
    server = servers.engine.containers.get(instance["_docker_container_id"])
    if server.status == "running":  # something else has replaced it meanwhile
        return
    server.start()
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
