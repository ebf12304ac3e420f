"""Load balancers: requests, responses, time and connections by load balancer and target group, and healthy targets.

Those of a node, with the dimension AvailabilityZone, are not there.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.elbv2 import exchanges, health, listening, records
from cdp_constructs.local.services.elbv2.exchanges import Exchange, observe

_alb: Any = ministack.module("services.alb", "_lbs", "_tgs")
_responses: Any = ministack.module("core.responses")

_OF_TYPE = {"network": "AWS/NetworkELB"}
_NAMESPACE = "AWS/ApplicationELB"
_MINUTE = 60
_OWN_ACTIONS = {"fixed-response": "HTTP_Fixed_Response_Count", "redirect": "HTTP_Redirect_Count"}
_COUNTED_ALONE = frozenset({500, 502, 503, 504})
_SWITCHING, _CLIENT_GONE = 101, 460

_healthy: dict[str, tuple[int, int]] = {}
"""By target group, the minute in which its healthy targets were counted, and how many there were."""
_seen = [0]
"""The minute of which the gauges were read."""


def _of_balancer(balancer: str) -> dict[str, str]:
    return {"LoadBalancer": records.full_name(balancer)}


def _of_group(group: str, balancer: str) -> dict[str, str]:
    return {"TargetGroup": records.full_name(group), **_of_balancer(balancer)}


def _states(group: Mapping[str, Any]) -> Counter[str]:
    arn = group["TargetGroupArn"]
    return Counter(health.state(arn, str(each["Id"]), records.port_of(group, each)) for each in records.targets_of(arn))


def _healthy_targets(group: str) -> int:
    """Return how many targets are healthy; they are counted once a minute."""
    minute = int(clock.now()) // _MINUTE
    if _healthy.get(group, (0, 0))[0] != minute:
        _healthy[group] = minute, _states(_alb._tgs[group])["healthy"]
    return max(1, _healthy[group][1])


@observe
def _requested(exchange: Exchange) -> None:
    balancer = exchange.listening.balancer
    own = _of_balancer(balancer)
    emit(_NAMESPACE, "ProcessedBytes", own, exchange.received + exchange.sent, unit="Bytes")
    for action in exchange.actions:
        if action in _OWN_ACTIONS:
            emit(_NAMESPACE, _OWN_ACTIONS[action], own)
            return
    if exchange.target_status is None and exchange.status and exchange.status != _CLIENT_GONE:
        emit(_NAMESPACE, f"HTTPCode_ELB_{exchange.status // 100}XX_Count", own)
        if exchange.status in _COUNTED_ALONE:
            emit(_NAMESPACE, f"HTTPCode_ELB_{exchange.status}_Count", own)
    if exchange.error:
        emit(_NAMESPACE, "LambdaUserError", _of_group(exchange.group, balancer))
    if exchange.group and exchange.group in _alb._tgs:
        _sent(exchange, own, _of_group(exchange.group, balancer))


def _sent(exchange: Exchange, own: dict[str, str], of_group: dict[str, str]) -> None:
    """Count a request for which there was a target."""
    for dimensions in (own, of_group):
        emit(_NAMESPACE, "RequestCount", dimensions)
        if exchange.target_status is not None and exchange.target_status != _SWITCHING:
            emit(_NAMESPACE, f"HTTPCode_Target_{exchange.target_status // 100}XX_Count", dimensions)
            emit(_NAMESPACE, "TargetResponseTime", dimensions, round(max(0, exchange.seconds[1]), 3), unit="Seconds")
        if not exchange.connected:
            emit(_NAMESPACE, "TargetConnectionErrorCount", dimensions)
    if exchange.target is not None:
        emit(_NAMESPACE, "RequestCountPerTarget", of_group, 1 / _healthy_targets(exchange.group))


@gauge
def _hosts() -> None:
    """Count hosts and connections once a minute."""
    minute = int(clock.now()) // _MINUTE
    if _seen[0] == minute:
        return
    _seen[0] = minute
    for (account, region, arn), group in _alb._tgs.all_items():
        if group.get("TargetType", "instance") not in {"ip", "instance"}:
            continue
        with _responses.request_scope(account, region):
            states = _states(group)
            for balancer in group.get("LoadBalancerArns", []):
                namespace = _namespace(balancer)
                emit(namespace, "HealthyHostCount", _of_group(arn, balancer), states["healthy"])
                emit(namespace, "UnHealthyHostCount", _of_group(arn, balancer), states["unhealthy"])
    for (account, region, balancer), _ in _alb._lbs.all_items():
        with _responses.request_scope(account, region):
            _connected(balancer)


def _namespace(balancer: str) -> str:
    return _OF_TYPE.get((_alb._lbs.get(balancer) or {}).get("Type", ""), _NAMESPACE)


def _connected(balancer: str) -> None:
    """Count the connections of the last minute: those that are open, and those that were opened."""
    found, namespace = exchanges.connections(balancer), _namespace(balancer)
    active = listening.connections(balancer) + found.closed
    if active or found.opened:
        name = "ActiveConnectionCount" if namespace == _NAMESPACE else "ActiveFlowCount"
        emit(namespace, name, _of_balancer(balancer), active)
    if found.opened:
        name = "NewConnectionCount" if namespace == _NAMESPACE else "NewFlowCount"
        emit(namespace, name, _of_balancer(balancer), found.opened)
    if found.rejected:
        emit(namespace, "RejectedConnectionCount", _of_balancer(balancer), found.rejected)


@patch("ministack.services.alb:reset")
def _reset(original: Callable[[], None]) -> None:
    original()
    _healthy.clear()
