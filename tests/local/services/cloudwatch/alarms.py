"""A metric of a test's own, and an alarm on it."""

import uuid
from datetime import timedelta
from typing import Any

from cdp_constructs.local import LocalCloud

NAMESPACE = "Conformance"


class Watched:
    """One metric with one dimension, and the alarm on it."""

    def __init__(self, cloud: LocalCloud, region: str = "us-east-1") -> None:
        self.cloud = cloud
        self.client = cloud.client("cloudwatch", region=region)
        self.name = f"watched-{uuid.uuid4().hex[:8]}"
        self.dimensions = [{"Name": "Of", "Value": self.name}]

    def put(self, *values: float, minutes_ago: float = 0, name: str = "Value") -> None:
        when = self.cloud.metrics.now() - timedelta(minutes=minutes_ago)
        data = {"MetricName": name, "Dimensions": self.dimensions, "Timestamp": when}
        self.client.put_metric_data(Namespace=NAMESPACE, MetricData=[{**data, "Value": value} for value in values])

    def statistic(self, name: str, metric: str = "Value", stat: str = "Sum", period: int = 60) -> dict[str, Any]:
        about = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": self.dimensions}
        return {"Id": name, "ReturnData": False, "MetricStat": {"Metric": about, "Period": period, "Stat": stat}}

    def alarm(self, **options: Any) -> None:
        condition = {
            "EvaluationPeriods": 1,
            "Threshold": 10,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
        }
        metric: dict[str, Any] = {
            "Namespace": NAMESPACE,
            "MetricName": "Value",
            "Dimensions": self.dimensions,
            "Period": 60,
        }
        if "ExtendedStatistic" not in options:
            metric["Statistic"] = "Sum"
        if "Metrics" in options:
            metric = {}
        self.client.put_metric_alarm(AlarmName=self.name, **metric | condition | options)

    def after(self, minutes: float) -> str:
        """Return the state of the alarm some minutes later."""
        self.cloud.metrics.advance(minutes=minutes)
        return self.state

    @property
    def described(self) -> dict[str, Any]:
        [alarm] = self.client.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        return dict(alarm)

    @property
    def state(self) -> str:
        return str(self.described["StateValue"])
