"""Device Defender Detect: how each device of a fleet should behave, with an alarm for each behaviour."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import sns
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.validation import check_range


def add_security_profile(
    fleet: "Construct",
    construct_id: str,
    *,
    group: iot.CfnThingGroup,
    messages_per_5_minutes: int,
    refusals_per_5_minutes: int,
    alarm_topic: "sns.ITopic | None",
) -> iot.CfnSecurityProfile:
    """Add a security profile for the things of a group."""
    most = 1_000_000_000
    source = "https://docs.aws.amazon.com/iot-device-defender/latest/devguide/detect-cloud-side-metrics.html"
    for option, value, low in (
        ("messages_per_5_minutes", messages_per_5_minutes, 1),
        ("refusals_per_5_minutes", refusals_per_5_minutes, 0),
    ):
        check_range(fleet, option, value, low=low, high=most, unit=option.partition("_")[0], source=source)
    limits = {
        "MessagesSent": ("aws:num-messages-sent", messages_per_5_minutes),
        "RefusedRequests": ("aws:num-authorization-failures", refusals_per_5_minutes),
    }
    profile = iot.CfnSecurityProfile(
        fleet,
        construct_id,
        security_profile_description=f"How devices of {path_of(fleet)} behave",
        target_arns=[group.attr_arn],
        behaviors=[_at_most(name, metric, most) for name, (metric, most) in limits.items()],
    )
    for name in limits:
        violations = cloudwatch.Metric(
            namespace="AWS/IoT",
            metric_name="Violations",
            dimensions_map={"SecurityProfileName": profile.ref, "BehaviorName": name},
            statistic="sum",
            period=minutes(5),
        )
        add_alarm(
            fleet,
            f"{construct_id}{name}Alarm",
            violations,
            alarm_topic=alarm_topic,
            description=f"{path_of(fleet)}: a device violates the behaviour {name}. List the active violations of the "
            "security profile; deactivate that device's certificate unless its owner explains it.",
        )
    return profile


def _at_most(name: str, metric: str, most: int) -> iot.CfnSecurityProfile.BehaviorProperty:
    return iot.CfnSecurityProfile.BehaviorProperty(
        name=name,
        metric=metric,
        criteria=iot.CfnSecurityProfile.BehaviorCriteriaProperty(
            comparison_operator="less-than-equals",
            value=iot.CfnSecurityProfile.MetricValueProperty(count=str(most)),
            duration_seconds=300,
            consecutive_datapoints_to_alarm=1,
            consecutive_datapoints_to_clear=1,
        ),
    )
