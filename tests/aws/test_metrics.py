"""Alarms of templates read metrics that services emit, by the dimensions that these have."""

from collections.abc import Iterator

import pytest

from cdp_constructs.local.coverage.metrics import DOCUMENTED, Watched, not_emitted, watched
from tests.aws.templates import FILES, resources


def alarmed() -> Iterator[tuple[str, Watched]]:
    for file in FILES:
        for logical_id, alarm, _ in resources(file, "AWS::CloudWatch::Alarm"):
            for metric in watched(alarm["Properties"]):
                yield f"{file.name}: {logical_id}", metric


def test_every_alarm_reads_a_metric_that_its_service_documents() -> None:
    unknown = []
    for place, metric in alarmed():
        documented = DOCUMENTED.get(metric.namespace)
        key = "+".join(sorted(metric.dimensions))
        names = "" if documented is None else f"{documented.emitted.get(key, '')} {documented.others.get(key, '')}"
        if metric.name not in names.split():
            unknown.append(f"{place}: {metric}")
    assert unknown == [], "look at the service's page, and at the dimensions there"


def test_the_templates_have_alarms_of_many_services() -> None:
    assert len({metric.namespace for _, metric in alarmed()}) >= 10


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (Watched("AWS/IoT", "ErrorActionFailure", frozenset({"RuleName"})), "on AWS neither"),
        (Watched("AWS/IoT", "Violations", frozenset({"SecurityProfileName", "BehaviorName"})), "does not emit"),
        (Watched("AWS/EFS", "PercentIOLimit", frozenset({"FileSystemId"})), "does not emit"),
        (Watched("AWS/Lambda", "Error", frozenset({"FunctionName"})), "on AWS neither"),
    ],
)
def test_what_gets_no_value_is_told_with_the_reason(metric: Watched, reason: str) -> None:
    assert reason in str(not_emitted(metric))


def test_what_gets_values_is_not_told() -> None:
    properties = {"Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent", "Dimensions": [{"Name": "QueueName"}]}
    assert [not_emitted(metric) for metric in watched(properties)] == [None]
    assert list(watched({"Namespace": "Orders", "MetricName": "Sold"})) == []
