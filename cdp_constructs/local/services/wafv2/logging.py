"""WAF: the log of a web ACL in CloudWatch Logs, and its metrics."""

import json
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.wafv2.statements import Request

__all__ = ["RESOURCE_TYPES", "record"]

_logs: Any = ministack.module("services.cloudwatch_logs", "_create_log_stream", "_log_groups", "_put_log_events")
_responses: Any = ministack.module("core.responses", "request_scope")

_REDACTED = "REDACTED"
_STREAM = "local"

_configurations: dict[str, Properties] = {}
"""Properties of logging configurations, by the ARN of the web ACL."""


def _create(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    arn = properties["ResourceArn"]
    for destination in properties["LogDestinationConfigs"]:
        name = destination.rpartition(":")[2]
        if ":logs:" in destination and not name.startswith("aws-waf-logs-"):
            raise ValueError(f"The ARN isn't valid: the log group {name} must begin with aws-waf-logs-")
    _configurations[arn] = properties
    return arn, {"ManagedByFirewallManager": False}


def _update(physical_id: str, _old: Properties, new: Properties, stack_name: str) -> tuple[str, Attributes]:
    return _create(physical_id, new, stack_name)


def _delete(physical_id: str, _properties: Properties) -> None:
    _configurations.pop(physical_id, None)


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(name="AWS::WAFv2::LoggingConfiguration", create=_create, update=_update, delete=_delete),
)


def record(acl: Mapping[str, Any], arn: str, request: Request, action: str, rule: str) -> None:
    """Count a request in the metrics of its web ACL, and write it to the log where the configuration keeps it.

    Args:
        acl: The web ACL.
        arn: Its ARN.
        request: The request.
        action: `ALLOW` or `BLOCK`.
        rule: Name of the rule that decided; `Default_Action` when none did.
    """
    _, _, _, region, account, resource = arn.split(":", 5)
    name = (acl.get("VisibilityConfig") or {}).get("MetricName")
    with _responses.request_scope(account, region):
        if name:
            place = {} if resource.startswith("global/") else {"Region": region}
            metric = "BlockedRequests" if action == "BLOCK" else "AllowedRequests"
            for each in {"ALL", rule}:
                emit("AWS/WAFV2", metric, {"WebACL": name, "Rule": each, **place})
        configuration = _configurations.get(arn)
        if configuration is not None and _is_kept(configuration.get("LoggingFilter"), action):
            _write(configuration, _entry(configuration, arn, request, action, rule))


def _is_kept(settings: Mapping[str, Any] | None, action: str) -> bool:
    if settings is None:
        return True
    for each in settings.get("Filters") or []:
        met = [(condition.get("ActionCondition") or {}).get("Action") == action for condition in each["Conditions"]]
        if any(met) if each["Requirement"] == "MEETS_ANY" else all(met):
            return bool(each["Behavior"] == "KEEP")
    return bool(settings["DefaultBehavior"] == "KEEP")


def _entry(configuration: Properties, arn: str, request: Request, action: str, rule: str) -> dict[str, Any]:
    redacted = configuration.get("RedactedFields") or []
    hidden = {str(each["SingleHeader"]["Name"]).lower() for each in redacted if "SingleHeader" in each}
    headers = [
        {"name": name, "value": _REDACTED if name.lower() in hidden else value}
        for name, value in request.headers.items()
    ]
    return {
        "timestamp": int(clock.now() * 1000),
        "formatVersion": 1,
        "webaclId": arn,
        "terminatingRuleId": rule,
        "action": action,
        "httpRequest": {
            "clientIp": request.address,
            "headers": headers,
            "uri": _REDACTED if any("UriPath" in each for each in redacted) else request.path,
            "args": _REDACTED if any("QueryString" in each for each in redacted) else request.query,
            "httpMethod": request.method,
        },
    }


def _write(configuration: Properties, entry: Mapping[str, Any]) -> None:
    for destination in configuration["LogDestinationConfigs"]:
        group = destination.rpartition(":")[2]
        if ":logs:" not in destination or group not in _logs._log_groups:
            continue
        named = {"logGroupName": group, "logStreamName": _STREAM}
        if _STREAM not in _logs._log_groups[group]["streams"]:
            _logs._create_log_stream(named)
        events = [{"timestamp": entry["timestamp"], "message": json.dumps(entry)}]
        _logs._put_log_events({**named, "logEvents": events})
