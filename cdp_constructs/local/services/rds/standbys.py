"""RDS: Multi-AZ instances have a standby that has every commit, and takes over at the same endpoint."""

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.kit import arns, lost_zones, ministack
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.rds import endpoints, events, replicas, servers, sql, zones
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action, error, failed

__all__ = ["attend", "dismiss", "fail_over", "standby_of", "watch"]

_rds: Any = ministack.module("services.rds", "_instances", "_p", "_resolve_instance", "_single_instance_response")
_Record: TypeAlias = dict[str, Any]

_STANDBY = "_standby"
"""The key of an instance that names the container of its standby."""
_NAME = "standby"
_POLL_SECONDS = 0.5
_locks: dict[str, threading.RLock] = {}
"""By the ARN of an instance: who gives it a standby, takes one away or lets it take over holds its lock."""
_logger = logging.getLogger(__name__)


def _changing(instance: Mapping[str, Any]) -> threading.RLock:
    return _locks.setdefault(instance["DBInstanceArn"], threading.RLock())


def standby_of(instance: Mapping[str, Any]) -> DockerContainer | None:
    """Return the server of the standby of an instance; None when it has none."""
    return servers.engine.find(instance.get(_STANDBY))


def _wait_for(primary: DockerContainer, standby: str) -> None:
    """Let commits wait for the standby of this name, or for none."""
    sql.ask(primary, f"alter system set synchronous_standby_names = {sql.literal(standby)}", "select pg_reload_conf()")


def attend(instance: _Record) -> None:
    """Give a Multi-AZ instance the standby that it lacks, and remove one that it no longer needs or that has died.

    Raises:
        sql.SqlError: the standby did not start, or the instance does not answer.
    """
    wanted = bool(instance.get("MultiAZ")) and not instance.get("DBClusterIdentifier")
    if not wanted and _STANDBY not in instance:
        return
    with _changing(instance):
        primary, standby = sql.server_of(instance), standby_of(instance)
        if primary is None or primary.status != "running":
            return
        if standby is not None and (standby.status != "running" or not wanted):
            dismiss(instance)
            standby = None
        if wanted and standby is None:
            _add(instance, primary)


def _add(instance: _Record, primary: DockerContainer) -> None:
    """Start a standby in another zone; while those are lost, there is none."""
    zone = zones.of_standby(instance)
    if zone is None:
        return
    standby = replicas.follow(instance, f"{primary.name}-{_NAME}", primary.labels, standby=_NAME)
    if not replicas.is_ready(standby, primary):
        standby.remove()
        raise sql.SqlError(f"the standby of {instance['DBInstanceIdentifier']} did not start")
    if lost_zones.is_lost(zone):  # meanwhile
        standby.remove()
        return
    _wait_for(primary, _NAME)
    instance |= {_STANDBY: standby.id, "SecondaryAvailabilityZone": zone}


def dismiss(instance: _Record) -> None:
    """Remove the standby of an instance, if it has one; another one is attended to."""
    with _changing(instance):
        primary, standby = sql.server_of(instance), standby_of(instance)
        if standby is not None:
            if primary is not None and primary.status == "running":
                _wait_for(primary, "")
            instance.pop(_STANDBY)
            instance["SecondaryAvailabilityZone"] = ""
            standby.remove()


def fail_over(instance: _Record) -> bool:
    """Let the standby of an instance take over; False when there is none that could."""
    with _changing(instance):
        standby, old = standby_of(instance), sql.server_of(instance)
        if standby is None or standby.status != "running":
            return False
        events.of_instance(instance, "RDS-EVENT-0013", "failover", "Multi-AZ instance failover started.")
        status, instance["DBInstanceStatus"] = instance["DBInstanceStatus"], "rebooting"
        try:
            if old is not None:
                old.stop()
            replicas.promote(standby)
            _wait_for(standby, "")
        except BaseException:
            instance["DBInstanceStatus"] = status
            raise
        instance.pop(_STANDBY)
        instance |= {
            "_docker_container_id": standby.id,
            "_docker_volume_name": None,
            "DBInstanceStatus": "available",
            "_internal_address": standby.container.spec.address,
            "AvailabilityZone": instance["SecondaryAvailabilityZone"],
            "SecondaryAvailabilityZone": "",  # until there is another standby
        }
        endpoints.lead(instance)
        if old is not None:
            old.remove()
        events.of_instance(instance, "RDS-EVENT-0049", "failover", "Multi-AZ instance failover completed.")
        return True


@action("RebootDBInstance")
def _reboot(original: Handler, parameters: Parameters) -> Answer:
    instance = _rds._resolve_instance(_rds._p(parameters, "DBInstanceIdentifier"))
    if instance is None or _rds._p(parameters, "ForceFailover") != "true":
        return original(parameters)
    if standby_of(instance) is None:
        return error(
            "InvalidParameterCombination",
            "Cannot force failover of a DB instance that is not Multi-AZ, or whose standby is not available.",
        )
    answer: Answer = _rds._single_instance_response(
        "RebootDBInstanceResponse", "RebootDBInstanceResult", {**instance, "DBInstanceStatus": "rebooting"}
    )
    if not fail_over(instance):
        return error("InvalidDBInstanceState", "The standby of the DB instance is not available.")
    events.of_instance(instance, "RDS-EVENT-0006", "availability", "DB instance restarted.")
    return answer


@patch("ministack.services.rds:_delete_db_instance_impl")
def _delete(original: Handler, parameters: Parameters) -> Answer:
    instance = _rds._resolve_instance(_rds._p(parameters, "DBInstanceIdentifier"))
    answer = original(parameters)
    if not failed(answer) and instance:
        if standby := standby_of(instance):
            standby.remove()
        _locks.pop(instance["DBInstanceArn"], None)
    return answer


@once
def watch() -> None:
    """Begin to look after the standbys."""
    threading.Thread(target=_watch, name="rds-standbys", daemon=True).start()


def _watch() -> None:
    while True:
        for instance in list(_rds._instances.all_values()):
            if instance.get("DBInstanceStatus") == "available":
                with arns.scope(instance["DBInstanceArn"]):
                    try:
                        attend(instance)
                    except (OSError, RuntimeError):
                        _logger.exception("%s has no standby", instance["DBInstanceIdentifier"])
        time.sleep(_POLL_SECONDS)
