"""Application Auto Scaling: the two alarms that a target tracking policy has, as AWS makes them.

https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
"""

import uuid
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.json_service import ServiceError
from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.autoscaling.model import Policy, Target

__all__ = ["alarm_name", "arn", "make", "metric_of", "remove"]

_responses: Any = ministack.module("core.responses")

_LOW = 0.9
"""Of the target value: capacity is taken away below."""
_HIGH_MINUTES, _LOW_MINUTES = 3, 15
_LONGEST_NAME = 255
_OF_SERVICES = {
    "ECSServiceAverageCPUUtilization": "CPUUtilization",
    "ECSServiceAverageMemoryUtilization": "MemoryUtilization",
}


def arn(name: str) -> str:
    """Return the ARN of an alarm."""
    return f"arn:aws:cloudwatch:{_responses.get_region()}:{_responses.get_account_id()}:alarm:{name}"


def metric_of(target: Target, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the alarms of a target tracking policy watch, as parameters of PutMetricAlarm.

    Raises:
        ServiceError: the metric is none that is known.
    """
    if custom := configuration.get("CustomizedMetricSpecification"):
        if "Metrics" in custom:
            return {"Metrics": [_each_minute(query) for query in custom["Metrics"]]}
        return {
            name: custom[name]
            for name in ("Namespace", "MetricName", "Dimensions", "Statistic", "Unit")
            if name in custom
        }
    predefined = configuration.get("PredefinedMetricSpecification") or {}
    kind, label = predefined.get("PredefinedMetricType", ""), predefined.get("ResourceLabel", "")
    if kind in _OF_SERVICES:
        cluster, _, service = target.key[1].removeprefix("service/").partition("/")
        dimensions = {"ClusterName": cluster, "ServiceName": service}
        return {
            "Namespace": "AWS/ECS",
            "MetricName": _OF_SERVICES[kind],
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": "Average",
        }
    if kind == "ALBRequestCountPerTarget" and "/targetgroup/" in label:
        balancer, _, group = label.partition("/targetgroup/")
        dimensions = {"LoadBalancer": balancer, "TargetGroup": f"targetgroup/{group}"}
        return {
            "Namespace": "AWS/ApplicationELB",
            "MetricName": "RequestCountPerTarget",
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": "Sum",
        }
    raise ServiceError("ValidationException", f"Unsupported predefined metric type: {kind} {label}".strip())


def _each_minute(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return a query of a policy, which names no period, as one of an alarm."""
    if "MetricStat" not in query:
        return dict(query)
    return {**query, "MetricStat": {"Period": 60, **query["MetricStat"]}}


def make(target: Target, policy: Policy) -> None:
    """Make the alarms of a target tracking policy; a step scaling policy has those of its user."""
    if policy.kind != "TargetTrackingScaling":
        return
    if target.key[0] != "ecs" and "CustomizedMetricSpecification" not in policy.configuration:
        return  # a metric of something that is not scaled here
    metric, value = metric_of(target, policy.configuration), float(policy.configuration["TargetValue"])
    wanted = {"high": ("GreaterThanThreshold", value, _HIGH_MINUTES)}
    if not policy.configuration.get("DisableScaleIn"):
        wanted["low"] = ("LessThanThreshold", value * _LOW, _LOW_MINUTES)
    for side, (comparison, threshold, minutes) in wanted.items():
        name = alarm_name(target.key[1], side)
        client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            AlarmDescription=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.arn}.",
            AlarmActions=[policy.arn],
            ComparisonOperator=comparison,
            Threshold=threshold,
            EvaluationPeriods=minutes,
            **({} if "Metrics" in metric else {"Period": 60}),
            **metric,
        )
        policy.alarms[side] = name


def alarm_name(resource: str, side: str) -> str:
    """Return a name for the alarm of one side, `high` or `low`; a resource with a long id has the beginning of it."""
    end = f"-Alarm{side.title()}-{uuid.uuid4()}"
    return f"TargetTracking-{resource}"[: _LONGEST_NAME - len(end)] + end


def remove(policy: Policy) -> None:
    """Delete the alarms that a policy has made."""
    if policy.alarms:
        client("cloudwatch").delete_alarms(AlarmNames=list(policy.alarms.values()))
        policy.alarms.clear()
