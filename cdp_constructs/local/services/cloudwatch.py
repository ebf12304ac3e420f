"""CloudWatch: composite alarms, and alarms on metric math, whose expression is not evaluated."""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::CloudWatch::CompositeAlarm",
        Api(
            service="cloudwatch",
            create="put_composite_alarm",
            update="put_composite_alarm",
            delete="delete_alarms",
            ref="Properties.AlarmName",
            key={"AlarmName": "Id", "AlarmNames": "[Id]"},
            attributes={"Arn": "arn:aws:cloudwatch:{Region}:{Account}:alarm:{Id}"},
            named="AlarmName",
            name_length=255,
        ),
    ),
)


@patch("ministack.services.cloudformation.provisioners:_cw_metric_alarm_record")
def _record(original: Callable[..., dict[str, Any]], name: str, properties: Properties) -> dict[str, Any]:
    """Keep alarms on metric math, which MiniStack's CloudFormation refuses; they stay without data."""
    metrics = properties.get("Metrics")
    if not metrics:
        return original(name, properties)
    # A metric without data: the alarm does what TreatMissingData says.
    stand_in = {"MetricName": "expression", "Namespace": "MetricMath"}
    plain = {key: value for key, value in properties.items() if key != "Metrics"}
    # An alarm on an anomaly has a band for its threshold, and no number.
    return {**original(name, {"Threshold": 0, **plain, **stand_in}), "Metrics": metrics}
