"""CloudWatch Contributor Insights: rules on log groups, as metric math reads them (`INSIGHT_RULE_METRIC`).

A rule is evaluated when it is asked for. There is no API of rules and no report.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContributorInsights-RuleSyntax.html
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.sdk import scope
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.cloudwatch.series import Periods, Series

__all__ = ["RESOURCE_TYPES", "values"]

_logs: Any = ministack.module("services.cloudwatch_logs", "_log_groups")
_responses: Any = ministack.module("core.responses")

_rules: dict[tuple[str, str, str], dict[str, Any]] = {}
"""Bodies by account, Region and name; of rules that are enabled."""


def _key(name: str) -> tuple[str, str, str]:
    return _responses.get_account_id(), _responses.get_region(), name


def _put(name: str, properties: Properties) -> tuple[str, Attributes]:
    body = json.loads(properties["RuleBody"])
    if properties["RuleState"] == "ENABLED":
        _rules[_key(name)] = body
    else:
        _rules.pop(_key(name), None)
    return name, {"Arn": "arn:aws:cloudwatch:{Region}:{Account}:insight-rule/{0}".format(name, **scope())}


def _create(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    return _put(properties["RuleName"], properties)


def _update(name: str, _old: Properties, new: Properties, _stack_name: str) -> tuple[str, Attributes]:
    if name != new["RuleName"]:
        _rules.pop(_key(name), None)
    return _put(new["RuleName"], new)


def _delete(name: str, _properties: Properties) -> None:
    _rules.pop(_key(name), None)


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(name="AWS::CloudWatch::InsightRule", create=_create, update=_update, delete=_delete),
)


def _at(event: Mapping[str, Any], path: str) -> Any:
    value: Any = event
    for part in path.removeprefix("$.").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _matches(event: Mapping[str, Any], filters: list[Mapping[str, Any]]) -> bool:
    tests: Mapping[str, Callable[[Any, Any], bool]] = {
        "In": lambda found, wanted: found in wanted,
        "NotIn": lambda found, wanted: found not in wanted,
        "StartsWith": lambda found, wanted: str(found).startswith(tuple(wanted)),
        "IsPresent": lambda found, wanted: (found is not None) == wanted,
        "EqualTo": lambda found, wanted: found == wanted,
        "GreaterThan": lambda found, wanted: isinstance(found, int | float) and found > wanted,
        "LessThan": lambda found, wanted: isinstance(found, int | float) and found < wanted,
    }
    for one in filters:
        [(test, wanted)] = [(name, value) for name, value in one.items() if name != "Match"]
        if test not in tests:
            raise NotImplementedError(f"the embedded cloud does not know the filter {test} of Contributor Insights")
        if not tests[test](_at(event, one["Match"]), wanted):
            return False
    return True


def _contributions(body: Mapping[str, Any], periods: Periods) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the period and the contributor of each event that a rule counts."""
    contribution = body["Contribution"]
    for group in body["LogGroupNames"]:
        for stream in ((_logs._log_groups.get(group) or {}).get("streams") or {}).values():
            for record in list(stream["events"]):
                index = periods.index(clock.at(record["timestamp"] / 1000))
                if index is None or not record["message"].startswith("{"):
                    continue
                try:
                    event = json.loads(record["message"])
                except ValueError:
                    continue
                contributor = tuple(_at(event, key) for key in contribution["Keys"])
                if None not in contributor and _matches(event, contribution.get("Filters") or []):
                    yield index, contributor


def values(name: str, metric: str, periods: Periods) -> Series:
    """Return a metric of a rule of the current account and Region; periods without contributors have no value.

    Raises:
        NotImplementedError: the embedded cloud does not have the metric.
    """
    if metric not in {"UniqueContributors", "SampleCount", "MaxContributorValue"}:
        raise NotImplementedError(f"the embedded cloud does not know the metric {metric} of Contributor Insights")
    body = _rules.get(_key(name))
    counted: list[Counter[tuple[Any, ...]]] = [Counter() for _ in range(periods.count)]
    for index, contributor in _contributions(body, periods) if body else ():
        counted[index][contributor] += 1
    read: Mapping[str, Callable[[Counter[tuple[Any, ...]]], float]] = {
        "UniqueContributors": len,
        "SampleCount": lambda found: found.total(),
        "MaxContributorValue": lambda found: max(found.values()),
    }
    return [float(read[metric](found)) if found else None for found in counted]
