"""Application Auto Scaling: its types of CloudFormation."""

from typing import Any

from cdp_constructs.local.kit.sdk import call, client
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]

_KEY = ("ServiceNamespace", "ResourceId", "ScalableDimension")


def _key(target: str) -> dict[str, str]:
    """Return the parameters that the physical id of a target stands for."""
    resource, dimension, namespace = target.split("|")
    return {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}


def _put_target(properties: Properties, former: Properties) -> tuple[str, Attributes]:
    answer = call("application-autoscaling", "register_scalable_target", properties)
    key = {name: properties[name] for name in _KEY}
    autoscaling = client("application-autoscaling")
    wanted = {action["ScheduledActionName"]: action for action in properties.get("ScheduledActions", [])}
    for name in {action["ScheduledActionName"] for action in former.get("ScheduledActions", [])} - wanted.keys():
        autoscaling.delete_scheduled_action(**key, ScheduledActionName=name)
    for action in wanted.values():
        call("application-autoscaling", "put_scheduled_action", {**key, **action})
    physical_id = "|".join((key["ResourceId"], key["ScalableDimension"], key["ServiceNamespace"]))
    return physical_id, {"Id": physical_id, "ScalableTargetARN": answer.get("ScalableTargetARN", "")}


def _create_target(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
    return _put_target(properties, {})


def _update_target(_id: str, old: Properties, new: Properties, _stack: str) -> tuple[str, Attributes]:
    return _put_target(new, old)


def _delete_target(target: str, _properties: Properties) -> None:
    autoscaling = client("application-autoscaling")
    try:
        autoscaling.deregister_scalable_target(**_key(target))
    except autoscaling.exceptions.ObjectNotFoundException:
        return


def _put_policy(properties: Properties) -> tuple[str, Attributes]:
    key = _key(properties["ScalingTargetId"]) if "ScalingTargetId" in properties else {}
    answer: dict[str, Any] = call("application-autoscaling", "put_scaling_policy", {**properties, **key})
    return answer["PolicyARN"], {"Arn": answer["PolicyARN"]}


def _create_policy(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
    return _put_policy(properties)


def _update_policy(_id: str, _old: Properties, new: Properties, _stack: str) -> tuple[str, Attributes]:
    return _put_policy(new)


def _delete_policy(_policy: str, properties: Properties) -> None:
    key = _key(properties["ScalingTargetId"]) if "ScalingTargetId" in properties else {}
    named = {name: value for name, value in {**properties, **key}.items() if name in (*_KEY, "PolicyName")}
    autoscaling = client("application-autoscaling")
    try:
        autoscaling.delete_scaling_policy(**named)
    except autoscaling.exceptions.ObjectNotFoundException:
        return


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        name="AWS::ApplicationAutoScaling::ScalableTarget",
        create=_create_target,
        update=_update_target,
        delete=_delete_target,
        blocking=True,
    ),
    ResourceType(
        name="AWS::ApplicationAutoScaling::ScalingPolicy",
        create=_create_policy,
        update=_update_policy,
        delete=_delete_policy,
        blocking=True,
    ),
)
