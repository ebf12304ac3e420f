"""Load balancers: the data plane finds a load balancer by its name in every account and Region."""

from collections.abc import Awaitable, Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_alb: Any = ministack.module("services.alb", "_lbs")
_app: Any = ministack.module("app", "_is_potential_alb_request")
_responses: Any = ministack.module("core.responses", "request_scope")

_SUFFIX = ".alb.localhost"
_PREFIX = "/_alb/"


def _scope_of(host: str, path: str) -> tuple[str, str] | None:
    """Return account and Region of the load balancer that a request is for."""
    name = host.rpartition(":")[0].lower() or host.lower()
    by_path = path.removeprefix(_PREFIX).partition("/")[0].lower() if path.startswith(_PREFIX) else ""
    short = name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else by_path
    for (account, region, _arn), balancer in _alb._lbs.all_items():
        if name == balancer["DNSName"].lower() or short == balancer["LoadBalancerName"].lower():
            return account, region
    return None


@patch("ministack.app:_handle_alb_request")
async def _in_its_scope(original: Callable[..., Awaitable[Any]], host: str, path: str, *request: Any) -> Any:
    scope = _scope_of(host, path) if _app._is_potential_alb_request(host, path) else None
    if scope is None:
        return await original(host, path, *request)
    with _responses.request_scope(*scope):
        return await original(host, path, *request)
