"""Application Load Balancers: requests, answers and time by load balancer and target group, and healthy targets.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.elbv2 import health

_alb: Any = ministack.module("services.alb", "_targets", "_tgs")
_responses: Any = ministack.module("core.responses")

_NAMESPACE = "AWS/ApplicationELB"


def _full_name(arn: str) -> str:
    """Return a load balancer's or target group's name as metrics have it: `app/name/id`, `targetgroup/name/id`."""
    return arn.rpartition(":")[2].removeprefix("loadbalancer/")


def _of_balancer(balancer: str) -> dict[str, str]:
    return {"LoadBalancer": _full_name(balancer)}


def _of_group(group: str) -> list[dict[str, str]]:
    """Return the dimensions of a group's metrics: with each of its load balancers."""
    balancers = (_alb._tgs.get(group) or {}).get("LoadBalancerArns", [])
    return [{"TargetGroup": _full_name(group), **_of_balancer(balancer)} for balancer in balancers]


@patch("ministack.services.alb:dispatch_request")
async def _request(
    original: Callable[..., Awaitable[Any]], balancer: Mapping[str, Any], *request: Any, **options: Any
) -> Any:
    answer = await original(balancer, *request, **options)
    dimensions = _of_balancer(balancer["LoadBalancerArn"])
    emit(_NAMESPACE, "RequestCount", dimensions)
    if answer[0] in {502, 503, 504}:
        emit(_NAMESPACE, "HTTPCode_ELB_5XX_Count", dimensions)
    return answer


@patch("ministack.services.alb:_proxy_http_target")
async def _forwarded(
    original: Callable[..., Awaitable[Any]], target: Any, group: Mapping[str, Any], *request: Any, **options: Any
) -> Any:
    started = time.perf_counter()
    answer = await original(target, group, *request, **options)
    arn = group["TargetGroupArn"]
    seconds = time.perf_counter() - started
    healthy = max(1, len(health.candidates(arn)))
    answered = isinstance(answer[2], _responses.StreamingResponse)  # else the load balancer answers by itself
    for dimensions in _of_group(arn):
        emit(_NAMESPACE, "RequestCount", dimensions)
        emit(_NAMESPACE, "RequestCountPerTarget", dimensions, 1 / healthy)
        if answered:
            emit(_NAMESPACE, f"HTTPCode_Target_{int(answer[0]) // 100}XX_Count", dimensions)
            emit(_NAMESPACE, "TargetResponseTime", dimensions, round(seconds, 3), unit="Seconds")
        else:
            emit(_NAMESPACE, "TargetConnectionErrorCount", dimensions)
    return answer


@gauge
def _hosts() -> None:
    for (account, region, arn), group in _alb._tgs.all_items():
        if group.get("TargetType", "instance") not in {"ip", "instance"}:
            continue
        with _responses.request_scope(account, region):
            states = Counter(
                health.state(arn, str(each["Id"]), health.port_of(group, each)) for each in _alb._targets.get(arn, [])
            )
            for dimensions in _of_group(arn):
                emit(_NAMESPACE, "HealthyHostCount", dimensions, states["healthy"])
                emit(_NAMESPACE, "UnHealthyHostCount", dimensions, sum(states.values()) - states["healthy"])
