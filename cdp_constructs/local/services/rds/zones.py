"""RDS: the Availability Zones of instances and their standbys, spread over those of their subnet group."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import lost_zones, ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.services.ec2 import zones
from cdp_constructs.local.services.rds import subnets

__all__ = ["beside", "of_standby"]

_rds: Any = ministack.module("services.rds", "_cluster_member_instances", "_clusters", "_instances", "_p")
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")


def _offered(group: str) -> list[str]:
    return zones.of_subnets(subnets.of_group(_responses.get_account_id(), _responses.get_region(), group))


def _group_of(instance: Mapping[str, Any]) -> str:
    return str((instance.get("DBSubnetGroup") or {}).get("DBSubnetGroupName", ""))


def of_standby(instance: Mapping[str, Any]) -> str | None:
    """Return the zone for the standby of an instance: one that is not lost beside its own; None without one."""
    others = [zone for zone in _offered(_group_of(instance)) if zone != instance["AvailabilityZone"]]
    return lost_zones.least_used(others, ())


def beside(replica: Mapping[str, Any], source: Mapping[str, Any]) -> str:
    """Return the zone for a read replica, another one than that of its source if it can be."""
    offered = _offered(_group_of(replica))
    return lost_zones.least_used(offered, [source["AvailabilityZone"]]) or offered[0]


@patch_each("ministack.services.rds:_create_db_instance", "ministack.services.rds:_ACTION_MAP[CreateDBInstance]")
def _place(original: Callable[[Any], Any], parameters: Any) -> Any:
    name = _rds._p(parameters, "DBInstanceIdentifier")
    existed = name in _rds._instances
    if not _rds._p(parameters, "AvailabilityZone"):
        cluster = _rds._clusters.get(_rds._p(parameters, "DBClusterIdentifier"))
        members = _rds._cluster_member_instances(cluster) if cluster else []
        offered = _offered(
            cluster["DBSubnetGroup"] if cluster else _rds._p(parameters, "DBSubnetGroupName") or "default"
        )
        zone = lost_zones.least_used(offered, [each["AvailabilityZone"] for each in members]) or offered[0]
        parameters = {**parameters, "AvailabilityZone": zone}  # its standby, if any, is started before this returns
    answer = original(parameters)
    instance = _rds._instances.get(name)
    if not existed and instance and instance.get("MultiAZ") and not instance.get("SecondaryAvailabilityZone"):
        instance["SecondaryAvailabilityZone"] = of_standby(instance) or ""
    return answer


@patch("ministack.services.rds:_instance_xml")
def _described(original: Callable[..., str], instance: Mapping[str, Any], *others: Any, **options: Any) -> str:
    described = original(instance, *others, **options)
    standby = instance.get("SecondaryAvailabilityZone")
    member = f"<SecondaryAvailabilityZone>{standby}</SecondaryAvailabilityZone>" if standby else ""
    return described.replace("<MultiAZ>", f"{member}<MultiAZ>", 1)
