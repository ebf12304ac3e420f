"""Load balancers: which target gets a request, by weights of target groups, stickiness and health.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
"""

import base64
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from http.cookies import SimpleCookie
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.elbv2 import health

_alb: Any = ministack.module("services.alb", "_proxy_http_target", "_targets", "_tg_attrs", "_tgs")
_answers: Any = ministack.module("core.responses", "StreamingResponse")

_COOKIE = "AWSALB"
_turns: dict[str, Iterator[int]] = defaultdict(itertools.count)


def _attributes(group: str) -> Mapping[str, str]:
    return {each["Key"]: each["Value"] for each in _alb._tg_attrs.get(group, [])}


# --- Weights ----------------------------------------------------------------------------------------------------------


@patch("ministack.services.cloudformation.provisioners:_elbv2_listener_actions")
def _with_weights(
    original: Callable[..., list[dict[str, Any]]],
    properties: Mapping[str, Any],
    balancer: str,
    prop: str = "DefaultActions",
) -> list[dict[str, Any]]:
    actions = original(properties, balancer, prop)
    given = [each for each in properties.get(prop) or [] if isinstance(each, dict)]
    for action, source in zip(actions, given, strict=True):
        if isinstance(source.get("ForwardConfig"), dict):
            action["ForwardConfig"] = source["ForwardConfig"]
            for weighted in source["ForwardConfig"].get("TargetGroups", []):
                group = _alb._tgs.get(weighted.get("TargetGroupArn"))
                if balancer and group is not None and balancer not in group.setdefault("LoadBalancerArns", []):
                    group["LoadBalancerArns"].append(balancer)
    return actions


@patch("ministack.services.alb:_execute_action")
async def _execute(original: Callable[..., Awaitable[Any]], action: dict[str, Any], *request: Any) -> Any:
    weighted = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    if action.get("Type", "").lower() == "forward" and len(weighted) > 1:
        weights = [int(each.get("Weight", 1)) for each in weighted]
        if not any(weights):
            return 503, {"Content-Type": "text/plain"}, b"Service Temporarily Unavailable"
        chosen = random.choices(weighted, weights)[0]  # noqa: S311  # spreads load
        action = {**action, "TargetGroupArn": chosen["TargetGroupArn"]}
    return await original(action, *request)


# --- Targets ----------------------------------------------------------------------------------------------------------


def _cookie(target: Mapping[str, Any]) -> str:
    """Name a target in a cookie that nobody can make up to reach an address of their choice: it must be registered."""
    return base64.urlsafe_b64encode(json.dumps([target["Id"], target.get("Port")]).encode()).decode()


def _stuck(headers: Mapping[str, str], healthy: list[dict[str, Any]]) -> dict[str, Any] | None:
    cookies = SimpleCookie(headers.get("cookie", ""))
    value = cookies[_COOKIE].value if _COOKIE in cookies else None
    return next((target for target in healthy if _cookie(target) == value), None)


@patch("ministack.services.alb:_forward_to_tg")
async def _forward(
    original: Callable[..., Awaitable[Any]],
    arn: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: Any,
    query: Any,
    raw_query: str | None = None,
    raw_path: str | None = None,
) -> Any:
    group = _alb._tgs.get(arn)
    if group is None or group.get("TargetType", "instance") not in {"ip", "instance"} or not _alb._targets.get(arn):
        return await original(arn, method, path, headers, body, query, raw_query, raw_path)
    healthy = health.candidates(arn)
    attributes = _attributes(arn)
    sticky = attributes.get("stickiness.enabled") == "true"
    target = (_stuck(headers, healthy) if sticky else None) or healthy[next(_turns[arn]) % len(healthy)]
    port = health.port_of(group, target)
    with ExitStack() as started:
        started.enter_context(health.under_way(arn, target["Id"], port))
        status, answered, content = await _alb._proxy_http_target(
            target, group, method, raw_path or path, headers, body, query, raw_query
        )
        if isinstance(content, _answers.StreamingResponse):
            # The request is over when its body was sent, and not when its headers came.
            content = _counted(content, started.pop_all())
    if sticky:
        seconds = attributes.get("stickiness.lb_cookie.duration_seconds", "86400")
        answered = _with_cookie(answered, f"{_COOKIE}={_cookie(target)}; Max-Age={seconds}; Path=/")
    return status, answered, content


def _counted(content: Any, request: ExitStack) -> Any:
    async def run(send: Any, receive: Any) -> None:
        with request:
            await content.runner(send, receive)

    return _answers.StreamingResponse(run)


def _with_cookie(headers: Mapping[str, Any], cookie: str) -> dict[str, Any]:
    present = headers.get("set-cookie", [])
    return {**headers, "set-cookie": [*(present if isinstance(present, list) else [present]), cookie]}
