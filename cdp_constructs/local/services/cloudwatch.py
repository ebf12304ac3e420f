"""CloudWatch: composite alarms; alarms on metric math are taken, but nothing evaluates their expression."""

from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import Properties, ResourceType

__all__ = ["PRIVATE_NAMES", "RESOURCE_TYPES", "install"]

PRIVATE_NAMES = ("ministack.services.cloudformation.provisioners:_cw_metric_alarm_record",)

_provisioners: Any = ministack.module("services.cloudformation.provisioners")

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


def install() -> None:
    """Keep alarms on metric math, which MiniStack's CloudFormation refuses; they stay without data."""
    record: Any = _provisioners._cw_metric_alarm_record

    def record_any(name: str, properties: Properties) -> dict[str, Any]:
        metrics = properties.get("Metrics")
        if not metrics:
            alarm: dict[str, Any] = record(name, properties)
            return alarm
        # A metric that nobody publishes: without data the alarm does what TreatMissingData says.
        stand_in = {"MetricName": "expression", "Namespace": "MetricMath"}
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        # An alarm on an anomaly has a band for its threshold, and no number.
        return {**record(name, {"Threshold": 0, **plain, **stand_in}), "Metrics": metrics}

    _provisioners._cw_metric_alarm_record = record_any
