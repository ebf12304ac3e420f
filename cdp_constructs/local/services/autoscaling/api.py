"""Application Auto Scaling: its operations."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.json_service import Caller, ServiceError, json_service
from cdp_constructs.local.services.autoscaling import alarms, model
from cdp_constructs.local.services.autoscaling.model import Policy, Target, TargetKey
from cdp_constructs.local.services.events.expressions import is_cron, is_rate, is_time

_responses: Any = ministack.module("core.responses")


def _key(request: Mapping[str, Any]) -> TargetKey:
    return request["ServiceNamespace"], request["ResourceId"], request["ScalableDimension"]


def _target(request: Mapping[str, Any]) -> Target:
    found = model.find(_key(request))
    if found is None:
        namespace, resource, dimension = _key(request)
        raise ServiceError(
            "ObjectNotFoundException",
            f"No scalable target found for service namespace: {namespace}, resource ID: {resource}, "
            f"scalable dimension: {dimension}",
        )
    return found


def _register(request: dict[str, Any]) -> Mapping[str, Any]:
    key = _key(request)
    target = model.find(key)
    least = request.get("MinCapacity", target.least if target else None)
    most = request.get("MaxCapacity", target.most if target else None)
    if least is None or most is None or least > most:
        raise ServiceError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    if key[0] == "ecs" and model.capacity(key) is None:
        raise ServiceError("ValidationException", f"ECS service doesn't exist: {key[1]}")
    if target is None:
        target = model.targets().setdefault(key, Target(key, least, most))
    target.least, target.most = least, most
    target.role = request.get("RoleARN", target.role)
    target.suspended |= request.get("SuspendedState", {})
    return {"ScalableTargetARN": _target_arn(key)}


def _target_arn(key: TargetKey) -> str:
    account, region = _responses.get_account_id(), _responses.get_region()
    identity = uuid.uuid5(uuid.NAMESPACE_URL, "|".join((account, region, *key))).hex
    return f"arn:aws:application-autoscaling:{region}:{account}:scalable-target/{identity}"


def _deregister(request: dict[str, Any]) -> Mapping[str, Any]:
    target = _target(request)
    for policy in target.policies.values():
        alarms.remove(policy)
    del model.targets()[target.key]
    return {}


def _put_policy(request: dict[str, Any]) -> Mapping[str, Any]:
    target, name = _target(request), request["PolicyName"]
    kind = request.get("PolicyType", "StepScaling")
    given = request.get(f"{kind}PolicyConfiguration")
    if kind not in {"StepScaling", "TargetTrackingScaling"} or given is None:
        raise ServiceError(
            "ValidationException", f"{kind} needs {kind}PolicyConfiguration, and no other kind is scaled"
        )
    known = target.policies.get(name)
    policy = Policy(name, kind, given, known.arn if known else target.arn_of(name))
    if known:
        alarms.remove(known)
    alarms.make(target, policy)
    target.policies[name] = policy
    return {"PolicyARN": policy.arn, "Alarms": _alarms(policy)}


def _alarms(policy: Policy) -> list[dict[str, str]]:
    return [{"AlarmName": name, "AlarmARN": alarms.arn(name)} for name in policy.alarms.values()]


def _delete_policy(request: dict[str, Any]) -> Mapping[str, Any]:
    policy = _target(request).policies.pop(request["PolicyName"], None)
    if policy is None:
        raise ServiceError("ObjectNotFoundException", f"No scaling policy found: {request['PolicyName']}")
    alarms.remove(policy)
    return {}


def _put_action(request: dict[str, Any]) -> Mapping[str, Any]:
    target, name = _target(request), request["ScheduledActionName"]
    schedule = request.get("Schedule") or target.actions.get(name, {}).get("Schedule", "")
    if not (is_rate(schedule, grammatical=False) or is_cron(schedule) or is_time(schedule)):
        raise ServiceError("ValidationException", f"The schedule of {name} is not valid: {schedule}")
    target.actions[name] = {**target.actions.get(name, {}), **request}
    return {}


def _delete_action(request: dict[str, Any]) -> Mapping[str, Any]:
    if _target(request).actions.pop(request["ScheduledActionName"], None) is None:
        raise ServiceError("ObjectNotFoundException", f"No scheduled action found: {request['ScheduledActionName']}")
    return {}


def _matching(request: Mapping[str, Any]) -> Iterable[Target]:
    ids = request.get("ResourceIds") or ([request["ResourceId"]] if "ResourceId" in request else [])
    for target in model.targets().values():
        namespace, resource, dimension = target.key
        wanted = namespace == request["ServiceNamespace"] and (not ids or resource in ids)
        if wanted and request.get("ScalableDimension", dimension) == dimension:
            yield target


def _named(target: Target) -> dict[str, str]:
    namespace, resource, dimension = target.key
    return {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}


def _describe_targets(request: dict[str, Any]) -> Mapping[str, Any]:
    return {
        "ScalableTargets": [
            {
                **_named(target),
                "MinCapacity": target.least,
                "MaxCapacity": target.most,
                "RoleARN": target.role,
                "CreationTime": target.created.timestamp(),
                "SuspendedState": target.suspended,
                "ScalableTargetARN": _target_arn(target.key),
            }
            for target in _matching(request)
        ]
    }


def _describe_policies(request: dict[str, Any]) -> Mapping[str, Any]:
    names = request.get("PolicyNames") or []
    return {
        "ScalingPolicies": [
            {
                **_named(target),
                "PolicyName": policy.name,
                "PolicyARN": policy.arn,
                "PolicyType": policy.kind,
                f"{policy.kind}PolicyConfiguration": policy.configuration,
                "Alarms": _alarms(policy),
                "CreationTime": target.created.timestamp(),
            }
            for target in _matching(request)
            for policy in target.policies.values()
            if not names or policy.name in names
        ]
    }


def _describe_actions(request: dict[str, Any]) -> Mapping[str, Any]:
    return {
        "ScheduledActions": [
            {**action, "ScheduledActionARN": f"{target.arn_of(name)}", "CreationTime": target.created.timestamp()}
            for target in _matching(request)
            for name, action in target.actions.items()
        ]
    }


def _describe_activities(request: dict[str, Any]) -> Mapping[str, Any]:
    return {
        "ScalingActivities": [
            {
                **_named(target),
                "ActivityId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{target.key}{activity}")),
                "Description": activity.description,
                "Cause": activity.cause,
                "StartTime": activity.at.timestamp(),
                "EndTime": activity.at.timestamp(),
                "StatusCode": "Successful",
            }
            for target in _matching(request)
            for activity in target.activities
        ]
    }


_OPERATIONS: Mapping[str, Callable[[dict[str, Any]], Mapping[str, Any]]] = {
    "RegisterScalableTarget": _register,
    "DeregisterScalableTarget": _deregister,
    "DescribeScalableTargets": _describe_targets,
    "PutScalingPolicy": _put_policy,
    "DeleteScalingPolicy": _delete_policy,
    "DescribeScalingPolicies": _describe_policies,
    "PutScheduledAction": _put_action,
    "DeleteScheduledAction": _delete_action,
    "DescribeScheduledActions": _describe_actions,
    "DescribeScalingActivities": _describe_activities,
}


@json_service("application-autoscaling", target="AnyScaleFrontendService")
def _serve(operation: str, request: dict[str, Any], _caller: Caller) -> Mapping[str, Any]:
    if operation not in _OPERATIONS:
        raise ServiceError("ValidationException", f"{operation} is not one of {', '.join(_OPERATIONS)}")
    return _OPERATIONS[operation](request)
