"""RDS: the Availability Zones of instances, spread over those of their subnet group."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import lost_zones, ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.services.ec2 import zones

_rds: Any = ministack.module(
    "services.rds", "_ACTION_MAP", "_cluster_member_instances", "_clusters", "_instances", "_p", "_subnet_groups"
)


def _zones(instance: Mapping[str, Any], cluster: Mapping[str, Any] | None) -> list[str]:
    name = cluster["DBSubnetGroup"] if cluster else instance["DBSubnetGroup"]["DBSubnetGroupName"]
    group = _rds._subnet_groups.get(name) or {}
    return zones.of_subnets(each["SubnetIdentifier"] for each in group.get("Subnets", []))


@patch_each("ministack.services.rds:_create_db_instance", "ministack.services.rds:_ACTION_MAP[CreateDBInstance]")
def _place(original: Callable[[Any], Any], parameters: Any) -> Any:
    name = _rds._p(parameters, "DBInstanceIdentifier")
    existed = name in _rds._instances
    answer = original(parameters)
    instance = _rds._instances.get(name)
    if existed or instance is None:
        return answer
    cluster = _rds._clusters.get(instance.get("DBClusterIdentifier") or "")
    offered = _zones(instance, cluster)
    if not _rds._p(parameters, "AvailabilityZone"):
        members = _rds._cluster_member_instances(cluster) if cluster else []
        used = [each["AvailabilityZone"] for each in members if each is not instance]
        instance["AvailabilityZone"] = lost_zones.least_used(offered, used) or offered[0]
    if instance.get("MultiAZ"):
        others = [zone for zone in offered if zone != instance["AvailabilityZone"]]
        instance["SecondaryAvailabilityZone"] = next(iter(others), "")
    return answer


@patch("ministack.services.rds:_instance_xml")
def _described(original: Callable[..., str], instance: Mapping[str, Any], *others: Any, **options: Any) -> str:
    described = original(instance, *others, **options)
    standby = instance.get("SecondaryAvailabilityZone")
    member = f"<SecondaryAvailabilityZone>{standby}</SecondaryAvailabilityZone>" if standby else ""
    return described.replace("<MultiAZ>", f"{member}<MultiAZ>", 1)
