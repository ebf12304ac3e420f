"""EventBridge: the targets of a rule, in pages as long as the request says."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_events: Any = ministack.module("services.eventbridge", "_rule_key", "_targets")
_responses: Any = ministack.module("core.responses", "json_response")

_MOST = 100


@patch("ministack.services.eventbridge:_list_targets_by_rule")
def _list(original: Callable[[Mapping[str, Any]], Any], request: Mapping[str, Any]) -> Any:
    limit, start = int(request.get("Limit") or _MOST), int(request.get("NextToken") or 0)
    targets = _events._targets.get(_events._rule_key(request.get("Rule"), request.get("EventBusName", "default")), [])
    if len(targets) <= limit and not start:
        return original(request)
    rest = {"NextToken": str(start + limit)} if start + limit < len(targets) else {}
    return _responses.json_response({"Targets": targets[start : start + limit], **rest})
