"""Load balancers: the targets that a template gives to a target group are registered."""

from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.sdk import client, request
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]

_NAME = "AWS::ElasticLoadBalancingV2::TargetGroup"

RESOURCE_TYPES: tuple[ResourceType, ...] = (ResourceType(name=_NAME, blocking=True),)


@after(_NAME)
def _register(target_group: str, properties: Properties, attributes: Attributes) -> None:
    attributes["TargetGroupFullName"] = target_group.rpartition(":")[2]
    elbv2 = client("elbv2")
    wanted = request("elbv2", "register_targets", {"Targets": properties.get("Targets", [])})["Targets"]
    health = elbv2.describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
    ids = {target["Id"] for target in wanted}
    if obsolete := [item["Target"] for item in health if item["Target"]["Id"] not in ids]:
        elbv2.deregister_targets(TargetGroupArn=target_group, Targets=obsolete)
    if wanted:
        elbv2.register_targets(TargetGroupArn=target_group, Targets=wanted)
