"""Load balancers: what templates and the API say of rules and actions is kept whole, and returned."""

from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.elbv2 import records

__all__ = ["attach", "members"]

_alb: Any = ministack.module("services.alb", "_listeners", "_p", "_rules", "_tgs")

_AUTHENTICATION = ("AuthenticateCognitoConfig", "AuthenticateOidcConfig", "JwtValidationConfig")


def attach(balancer: str, actions: list[Mapping[str, Any]]) -> None:
    """Note at the target groups of actions which load balancer sends to them."""
    for arn in records.groups_of(actions):
        group = _alb._tgs.get(arn)
        if group is not None and balancer not in group.setdefault("LoadBalancerArns", []):
            group["LoadBalancerArns"].append(balancer)


# --- Templates --------------------------------------------------------------------------------------------------------


@patch("ministack.services.cloudformation.provisioners:_elbv2_listener_actions")
def _actions(
    original: Callable[..., list[dict[str, Any]]],
    properties: Mapping[str, Any],
    balancer: str,
    prop: str = "DefaultActions",
) -> list[dict[str, Any]]:
    actions = original(properties, balancer, prop)
    given = [each for each in properties.get(prop) or [] if isinstance(each, dict)]
    for action, source in zip(actions, given, strict=True):
        for name in ("ForwardConfig", *_AUTHENTICATION):
            if isinstance(source.get(name), dict):
                action[name] = source[name]
    if balancer:
        attach(balancer, list(actions))
    return actions


@patch("ministack.services.cloudformation.provisioners:_flatten_listener_rule_conditions")
def _conditions(original: Callable[..., list[dict[str, Any]]], conditions: list[Any]) -> list[dict[str, Any]]:
    kept = original(conditions)
    for condition, source in zip(kept, conditions, strict=True):
        if condition["Field"] == "query-string":
            condition.update(Values=[], QueryStringConfig=source.get("QueryStringConfig") or {"Values": []})
    return kept


@after("AWS::ElasticLoadBalancingV2::ListenerRule")
def _rule(rule: str, _properties: Properties, _attributes: Attributes) -> None:
    record = _alb._rules[rule]
    attach(_alb._listeners[record["ListenerArn"]]["LoadBalancerArn"], record["Actions"])


# --- The API ----------------------------------------------------------------------------------------------------------


def members(parameters: Mapping[str, Any], prefix: str, *names: str) -> list[dict[str, str]]:
    """Return the structures of a list in a request, with those of the members that are given."""
    found: list[dict[str, str]] = []
    while True:
        base = f"{prefix}.member.{len(found) + 1}"
        values = {name: _alb._p(parameters, f"{base}.{name}") for name in names}
        if not any(values.values()):
            return found
        found.append({name: value for name, value in values.items() if value})


@patch("ministack.services.alb:_parse_actions")
def _parsed_actions(
    original: Callable[..., list[dict[str, Any]]], parameters: Any, prefix: str = "DefaultActions"
) -> list[dict[str, Any]]:
    actions = original(parameters, prefix)
    for index, action in enumerate(actions, start=1):
        base = f"{prefix}.member.{index}.ForwardConfig"
        groups: list[dict[str, Any]] = list(members(parameters, f"{base}.TargetGroups", "TargetGroupArn", "Weight"))
        if not groups:
            continue
        action["ForwardConfig"] = {"TargetGroups": groups}
        action.setdefault("TargetGroupArn", groups[0]["TargetGroupArn"])
        stickiness = f"{base}.TargetGroupStickinessConfig"
        if enabled := _alb._p(parameters, f"{stickiness}.Enabled"):
            action["ForwardConfig"]["TargetGroupStickinessConfig"] = {
                "Enabled": enabled == "true",
                "DurationSeconds": int(_alb._p(parameters, f"{stickiness}.DurationSeconds") or 0),
            }
    return actions


@patch("ministack.services.alb:_parse_conditions")
def _parsed_conditions(
    original: Callable[..., list[dict[str, Any]]], parameters: Any, prefix: str = "Conditions"
) -> list[dict[str, Any]]:
    conditions = original(parameters, prefix)
    for index, condition in enumerate(conditions, start=1):
        if condition["Field"] == "query-string":
            values = members(parameters, f"{prefix}.member.{index}.QueryStringConfig.Values", "Key", "Value")
            condition.update(Values=[], QueryStringConfig={"Values": values})
    return conditions


@patch_each("ministack.services.alb:_ACTION_MAP[CreateRule]", "ministack.services.alb:_ACTION_MAP[ModifyRule]")
def _rule_by_api(original: Callable[[Any], Any], parameters: Any) -> Any:
    answer = original(parameters)
    for rule in list(_alb._rules.values()):
        listener = _alb._listeners.get(rule["ListenerArn"])
        if listener is not None:
            attach(listener["LoadBalancerArn"], rule["Actions"])
    return answer


def _element(name: str, value: Any) -> str:
    """Return a value as an element of XML: mappings by their names, lists by `member`."""
    if isinstance(value, Mapping):
        inner = "".join(_element(key, each) for key, each in value.items())
    elif isinstance(value, list):
        inner = "".join(_element("member", each) for each in value)
    else:
        inner = escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}>{inner}</{name}>"


@patch("ministack.services.alb:_action_xml")
def _described_action(original: Callable[[Any], str], action: Mapping[str, Any]) -> str:
    added = _element("ForwardConfig", action["ForwardConfig"]) if "ForwardConfig" in action else ""
    return original(action).removesuffix("</member>") + f"{added}</member>"


@patch("ministack.services.alb:_condition_xml")
def _described_condition(original: Callable[[Any], str], condition: Mapping[str, Any]) -> str:
    if condition["Field"] != "query-string":
        return original(condition)
    return _element("member", {"Field": "query-string", "QueryStringConfig": condition["QueryStringConfig"]})
