"""The alarms of the deployed systems, as CloudWatch describes them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cdp_constructs.local import Deployment, LocalCloud

_QUERY = re.compile(
    r"SELECT SUM\((?P<name>[^)]+)\) FROM \"(?P<namespace>[^\"]+)\" WHERE (?P<dimension>\w+) = '(?P<value>[^']*)'"
)


@dataclass(frozen=True)
class Alarm:
    """An alarm on metrics, and what somebody needs who causes it."""

    cloud: LocalCloud
    deployment: Deployment
    stack: str
    region: str
    logical_id: str
    """Without the hash that the CDK appends."""
    described: dict[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.stack}/{self.logical_id}"

    def client(self, service: str) -> Any:
        return self.cloud.client(service, self.region)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The metrics that it is about."""
        queries = self.described.get("Metrics", [])
        of_queries = [_QUERY.fullmatch(query["Expression"]) for query in queries if "Expression" in query]
        found = [
            {
                "Namespace": query["namespace"],
                "MetricName": query["name"],
                "Dimensions": [{"Name": query["dimension"], "Value": query["value"]}],
            }
            for query in of_queries
            if query is not None
        ]
        found += [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
        return found or [self.described]

    def dimension(self, name: str) -> str:
        """Return the value of a dimension; it is the same in all metrics that have it."""
        [value] = {item["Value"] for metric in self.metrics for item in metric["Dimensions"] if item["Name"] == name}
        return str(value)

    @property
    def function(self) -> str:
        """Name of the function that emits the metric, or that it is about."""
        names = {item["Name"] for metric in self.metrics for item in metric["Dimensions"]}
        return self.dimension("function_name" if "function_name" in names else "FunctionName")

    def physical(self, part: str, *, stack: str | None = None) -> str:
        """Return the physical id of the one resource whose logical id, without its hash, is a text or ends with it."""
        found = {
            re.sub(r"[0-9A-F]{8}$", "", logical): physical
            for logical, physical in self.deployment.resources[stack or self.stack].items()
        }
        fitting = {part: found[part]} if part in found else {one: found[one] for one in found if one.endswith(part)}
        [physical] = fitting.values()
        return str(physical)


def alarms_of(cloud: LocalCloud, deployment: Deployment) -> Iterator[Alarm]:
    """Yield the alarms on metrics of a deployment."""
    for stack, region in deployment.regions.items():
        logical = {physical: name for name, physical in deployment.resources[stack].items()}
        for page in cloud.client("cloudwatch", region).get_paginator("describe_alarms").paginate():
            for described in page["MetricAlarms"]:
                if name := logical.get(described["AlarmName"]):
                    short = re.sub(r"[0-9A-F]{8}$", "", name)
                    yield Alarm(cloud, deployment, stack, region, short, described)


def end_minute(cloud: LocalCloud, more: float = 0) -> None:
    """Let the minute of the clock end, so that what follows is in one minute, and pass some more."""
    cloud.metrics.advance(minutes=more, seconds=60.5 - cloud.metrics.now().timestamp() % 60)


def states(alarms: Iterable[Alarm]) -> dict[str, str]:
    """Return the state of each alarm."""
    found = {}
    for alarm in alarms:
        answer = alarm.client("cloudwatch").describe_alarms(AlarmNames=[alarm.described["AlarmName"]])
        [described] = answer["MetricAlarms"]
        found[str(alarm)] = described["StateValue"]
    return found
