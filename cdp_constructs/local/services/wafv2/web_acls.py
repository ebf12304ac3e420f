"""WAF: what a web ACL decides about a request.

The rules run in the order of their priority; the first one that blocks or allows decides, and one that counts does
not. CAPTCHA and challenges are not presented: such rules count.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import handler
from cdp_constructs.local.kit.types import Properties
from cdp_constructs.local.services.wafv2 import managed_rules
from cdp_constructs.local.services.wafv2.logging import record
from cdp_constructs.local.services.wafv2.statements import Request, find, matches

__all__ = ["Blocked", "decide"]

_waf: Any = ministack.module("services.waf", "_rule_groups", "_web_acls")

_TYPES = {"APPLICATION_JSON": "application/json", "TEXT_HTML": "text/html", "TEXT_PLAIN": "text/plain"}
_BODIES = "CustomResponseBodies"
_DECIDING = {"Allow", "Block"}
_DEFAULT = "Default_Action"


@dataclass(frozen=True)
class Blocked:
    """The answer to a request that is blocked; without a body the protected resource answers in its own words."""

    status: int = HTTPStatus.FORBIDDEN
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def decide(arn: str, request: Request) -> Blocked | None:
    """Return how a request is blocked by the web ACL of an ARN, or None when it may pass."""
    acl = find(_waf._web_acls, arn)
    if acl is None:
        return None
    default = acl.get("DefaultAction") or {"Allow": {}}
    decisions = ((rule, action) for rule, action in _actions(acl, request, arn) if _DECIDING & action.keys())
    rule, action = next(decisions, (_DEFAULT, default))
    blocked = _blocked(acl, action["Block"]) if "Block" in action else None
    record(acl, arn, request, "ALLOW" if blocked is None else "BLOCK", rule)
    return blocked


def _actions(owner: Mapping[str, Any], request: Request, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the rules that match with their actions, those of rule groups included, in their order."""
    for rule in sorted(owner.get("Rules") or [], key=lambda rule: int(rule["Priority"])):
        name, statement = f"{path}/{rule['Name']}", rule.get("Statement") or {}
        found: list[Mapping[str, Any]] = []
        if "Count" in (rule.get("OverrideAction") or {}):
            continue
        if managed := statement.get("ManagedRuleGroupStatement"):
            found = list(managed_rules.actions(managed, request, name))
        elif reference := statement.get("RuleGroupReferenceStatement"):
            found = [action for _, action in _group_actions(reference, request, name)]
        elif matches(statement, request, name):
            found = [rule.get("Action") or {}]
        yield from ((str(rule["Name"]), action) for action in found)


def _group_actions(
    reference: Mapping[str, Any], request: Request, path: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    group = find(_waf._rule_groups, str(reference.get("ARN") or reference.get("Arn"))) or {}
    overrides = {each["Name"]: each["ActionToUse"] for each in reference.get("RuleActionOverrides") or []}
    rules = [{**rule, "Action": overrides.get(rule["Name"], rule.get("Action"))} for rule in group.get("Rules") or []]
    yield from _actions({"Rules": rules}, request, path)


def _blocked(acl: Mapping[str, Any], action: Mapping[str, Any] | None) -> Blocked:
    custom = (action or {}).get("CustomResponse")
    if not custom:
        return Blocked()
    headers = {each["Name"]: each["Value"] for each in custom.get("ResponseHeaders") or []}
    body = (acl.get(_BODIES) or {}).get(custom.get("CustomResponseBodyKey"))
    if body is None:
        return Blocked(int(custom["ResponseCode"]), headers, b"")
    headers = {**headers, "Content-Type": _TYPES[body["ContentType"]]}
    return Blocked(int(custom["ResponseCode"]), headers, body["Content"].encode())


def _as_request(value: Any) -> Any:
    """Return a template's rules as the API has them: a template may write what is sought as it is."""
    if isinstance(value, list):
        return [_as_request(each) for each in value]
    if not isinstance(value, dict):
        return value
    fitted = {name: _as_request(each) for name, each in value.items()}
    if isinstance(text := fitted.get("SearchString"), str):
        fitted["SearchString"] = base64.b64encode(text.encode()).decode()
    if encoded := fitted.pop("SearchStringBase64", None):
        fitted["SearchString"] = encoded
    return fitted


@patch(handler("AWS::WAFv2::WebACL", "create"))
def _create(original: Callable[..., Any], logical_id: str, properties: Properties, stack_name: str) -> Any:
    return original(logical_id, _as_request(properties), stack_name)


@patch(handler("AWS::WAFv2::WebACL", "update"))
def _update(
    original: Callable[..., Any], physical_id: str, old: Properties, new: Properties, *names: str, **options: Any
) -> Any:
    return original(physical_id, _as_request(old), _as_request(new), *names, **options)


@patch("ministack.services.waf:create_web_acl_record")
def _create_record(
    original: Callable[..., tuple[str, str, dict[str, Any]]], name: str, scope: str, properties: Properties
) -> tuple[str, str, dict[str, Any]]:
    identifier, arn, record = original(name, scope, properties)
    record[_BODIES] = properties.get(_BODIES) or {}
    return identifier, arn, record


@patch("ministack.services.waf:update_web_acl_record")
def _update_record(
    original: Callable[..., dict[str, Any]], record: dict[str, Any], properties: Properties
) -> dict[str, Any]:
    record[_BODIES] = properties.get(_BODIES) or {}
    return original(record, properties)
