"""IoT Core: who connects, publishes and subscribes, and what rules do with messages.

https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch

_responses: Any = ministack.module("core.responses")

_ACTIONS = {
    "iot:Connect": "Connect",
    "iot:Publish": "PublishIn",
    "iot:Receive": "PublishOut",
    "iot:Subscribe": "Subscribe",
}
_error_action: ContextVar[bool] = ContextVar("error_action", default=False)


@patch("ministack.services.iot:_WSSession._policy_allows")
def _allowed(original: Callable[..., bool], session: Any, action: str, resource: str) -> bool:
    allowed = original(session, action, resource)
    if name := _ACTIONS.get(action):
        with _responses.request_scope(session.account_id, session.region):
            emit("AWS/IoT", f"{name}.{'Success' if allowed else 'AuthError'}", {"Protocol": "MQTT"})
    return allowed


@patch("ministack.services.iot:_run_rule_actions")
async def _matched(
    original: Callable[..., Awaitable[None]], account: str, region: str, rule: Mapping[str, Any], *rest: Any
) -> None:
    if rule and not rule.get("ruleDisabled"):
        with _responses.request_scope(account, region):
            emit("AWS/IoT", "TopicMatch", {"RuleName": rule.get("ruleName", "")})
    await original(account, region, rule, *rest)


@patch("ministack.services.iot:_dispatch_rule_action")
async def _acted(
    original: Callable[..., Awaitable[None]],
    account: str,
    region: str,
    rule: str,
    action: Mapping[str, Any],
    event: Any,
) -> None:
    outcome = "Failure"
    try:
        await original(account, region, rule, action, event)
        outcome = "Success"
    finally:
        name = f"ErrorAction{outcome}" if _error_action.get() else outcome
        kind = next(iter(action), "")
        with _responses.request_scope(account, region):
            emit("AWS/IoT", name, {"RuleName": rule, "ActionType": kind[:1].upper() + kind[1:]})


@patch("ministack.services.iot:_dispatch_rule_error_action")
async def _failed(original: Callable[..., Awaitable[None]], *arguments: Any) -> None:
    token = _error_action.set(True)
    try:
        await original(*arguments)
    finally:
        _error_action.reset(token)
