"""CloudWatch: `ActionPrefix` of DescribeAlarms, by which alarms are found that notify one topic."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_cloudwatch: Any = ministack.module("services.cloudwatch", "_alarms", "_composite_alarms", "_p")

_NAMES = "AlarmNames.member."
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_NOBODY = "\0"
"""A name that no alarm has."""


@patch("ministack.services.cloudwatch:_describe_alarms")
def _describe_by_action(
    original: Callable[..., Any], params: dict[str, Any], data: dict[str, Any], *encoding: bool
) -> Any:
    prefix = data.get("ActionPrefix") or _cloudwatch._p(params, "ActionPrefix")
    if prefix:
        given = data.get("AlarmNames") or [_cloudwatch._p(params, key) for key in params if key.startswith(_NAMES)]
        names = [name for name in _acting(prefix) if not given or name in given] or [_NOBODY]
        data = {**data, "AlarmNames": names}
        others = {key: value for key, value in params.items() if not key.startswith(_NAMES)}
        params = {**others, **{f"{_NAMES}{number}": name for number, name in enumerate(names, 1)}}
    return original(params, data, *encoding)


def _acting(prefix: str) -> Iterator[str]:
    """Yield the names of alarms that have an action whose ARN begins so."""
    alarms: list[Mapping[str, Any]] = [*_cloudwatch._alarms.values(), *_cloudwatch._composite_alarms.values()]
    for alarm in alarms:
        if any(action.startswith(prefix) for kind in _ACTIONS for action in alarm.get(kind) or []):
            yield alarm["AlarmName"]
