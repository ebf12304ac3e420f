"""What the module ``run_once`` has counted in the embedded cloud."""

from datetime import timedelta

from cdp_constructs.local import LocalCloud

__all__ = ["counted"]


def counted(cloud: LocalCloud, function: str, metric: str, *, region: str = "us-east-1") -> float:
    """Return the sum of a metric of a function in the last hour.

    Args:
        cloud: The embedded cloud.
        function: Name of the function.
        metric: Such as ``RepeatedRequests``.
        region: Its Region.
    """
    dimensions = {"function_name": function, "service": "run_once"}
    now = cloud.metrics.now()
    answer = cloud.client("cloudwatch", region).get_metric_statistics(
        Namespace="CdpConstructs",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))
