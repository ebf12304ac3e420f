"""Route 53: health checks, groups of records, and the networks of private zones."""

from typing import Any

from botocore.exceptions import ClientError

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.sdk import call, client, generated_name
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]

_route53: Any = ministack.module("services.route53", "_zones")

_FIXED_AT_CREATION = ("Type", "MeasureLatency", "RequestInterval", "RoutingControlArn")
"""Members of a health check's configuration whose change replaces it."""


def _tag(health_check_id: str, properties: Properties) -> None:
    if tags := properties.get("HealthCheckTags"):
        parameters = {"ResourceType": "healthcheck", "ResourceId": health_check_id, "AddTags": tags}
        call("route53", "change_tags_for_resource", parameters)


def _create_health_check(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
    parameters = {
        "CallerReference": generated_name(stack_name, logical_id),
        "HealthCheckConfig": properties["HealthCheckConfig"],
    }
    health_check_id: str = call("route53", "create_health_check", parameters)["HealthCheck"]["Id"]
    _tag(health_check_id, properties)
    return health_check_id, {"HealthCheckId": health_check_id}


def _update_health_check(physical_id: str, old: Properties, new: Properties, stack_name: str) -> tuple[str, Attributes]:
    before, after = old["HealthCheckConfig"], new["HealthCheckConfig"]
    if any(before.get(name) != after.get(name) for name in _FIXED_AT_CREATION):
        return _create_health_check(physical_id, new, stack_name)
    call("route53", "update_health_check", {"HealthCheckId": physical_id, **after})
    _tag(physical_id, new)
    return physical_id, {"HealthCheckId": physical_id}


def _delete_health_check(physical_id: str, _properties: Properties) -> None:
    try:
        client("route53").delete_health_check(HealthCheckId=physical_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchHealthCheck":
            raise


def _zone_id(properties: Properties) -> str:
    if zone_id := properties.get("HostedZoneId"):
        return str(zone_id)
    name = properties["HostedZoneName"].rstrip(".") + "."
    zones = client("route53").list_hosted_zones_by_name(DNSName=name)["HostedZones"]
    for zone in zones:
        if zone["Name"] == name:
            return str(zone["Id"]).rpartition("/")[2]
    raise ValueError(f"no hosted zone is called {name}")


def _record(record: dict[str, Any]) -> dict[str, Any]:
    """A template writes the values of a record as texts, the API as objects."""
    values = [{"Value": value} for value in record.get("ResourceRecords", [])]
    return {**record, **({"ResourceRecords": values} if values else {})}


def _change(action: str, properties: Properties) -> None:
    changes = [{"Action": action, "ResourceRecordSet": _record(record)} for record in properties.get("RecordSets", [])]
    if changes:
        parameters = {"HostedZoneId": _zone_id(properties), "ChangeBatch": {"Changes": changes}}
        call("route53", "change_resource_record_sets", parameters)


def _create_record_set_group(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
    _change("CREATE", properties)
    group_id = generated_name(stack_name, logical_id)
    return group_id, {"Id": group_id}


def _update_record_set_group(
    physical_id: str, old: Properties, new: Properties, _stack_name: str
) -> tuple[str, Attributes]:
    kept = [record for record in old.get("RecordSets", []) if record in new.get("RecordSets", [])]
    for action, properties in (("DELETE", old), ("CREATE", new)):
        _change(
            action,
            {**properties, "RecordSets": [record for record in properties["RecordSets"] if record not in kept]},
        )
    return physical_id, {"Id": physical_id}


def _delete_record_set_group(_physical_id: str, properties: Properties) -> None:
    try:
        _change("DELETE", properties)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"NoSuchHostedZone", "InvalidChangeBatch"}:
            raise


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        name="AWS::Route53::HealthCheck",
        create=_create_health_check,
        update=_update_health_check,
        delete=_delete_health_check,
        blocking=True,
    ),
    ResourceType(
        name="AWS::Route53::RecordSetGroup",
        create=_create_record_set_group,
        update=_update_record_set_group,
        delete=_delete_record_set_group,
        blocking=True,
    ),
)


@after("AWS::Route53::HostedZone")
def _associate(zone_id: str, properties: Properties, _attributes: Attributes) -> None:
    """Make a zone private that a template gives networks to; MiniStack's CloudFormation makes it public."""
    networks = properties.get("VPCs") or []
    _route53._zones[zone_id].update(private=bool(networks), vpcs=[dict(network) for network in networks])
