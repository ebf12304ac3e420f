"""Lambda: an alias with two versions sends each invocation to one of them, by their weights.

MiniStack keeps the weights and invokes the first version. Here every invocation through an alias draws its version, and
the function reads the alias in `invoked_function_arn`. All versions of a function share its reserved concurrency.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["WEIGHTED", "resource_of"]

_lambda: Any = ministack.module("services.lambda_svc", "_functions", "_qualifier_from_path_or_query")

WEIGHTED = "weighted"
"""Member of a record of an execution whose version was drawn by weights."""
_LATEST = "$LATEST"
_QUALIFIED = 8
"""Parts of the ARN of a version or an alias."""

_random = random.Random()  # noqa: S311 - it distributes load
_drawn: ContextVar[tuple[str, str]] = ContextVar("drawn_version", default=("", ""))
"""The alias of a request for `Invoke`, and the version that it executes."""


def resource_of(config: Mapping[str, Any]) -> str:
    """Return the version or alias of an invocation as metrics name it, `function:alias`; empty without one."""
    parts = str(config.get("FunctionArn", "")).split(":")
    return ":".join(parts[6:]) if len(parts) == _QUALIFIED else ""


def _weights(alias: Mapping[str, Any]) -> dict[str, float]:
    return dict((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})


def _draw(alias: Mapping[str, Any]) -> str:
    number = _random.random()
    for version, weight in _weights(alias).items():
        number -= float(weight)
        if number < 0:
            return str(version)
    return str(alias.get("FunctionVersion", _LATEST))


@patch("ministack.services.lambda_svc:_effective_func_record_for_qualifier")
def _named(original: Callable[..., Any], function: dict[str, Any] | None, qualifier: str | None) -> Any:
    """Keep the alias in the ARN of what is found by it."""
    record, config = original(function, qualifier)
    if function is None or config is None or qualifier not in function.get("aliases", {}):
        return record, config
    config = {**config, "FunctionArn": f"{function['config']['FunctionArn']}:{qualifier}"}
    return {**record, "config": config}, config


@patch("ministack.services.lambda_svc:_execute_function")
def _execute(original: Callable[..., dict[str, Any]], function: dict[str, Any], event: Any) -> dict[str, Any]:
    return original(_routed(function), event)


@patch("ministack.core.lambda_runtime:get_or_create_worker")
def _worker(
    original: Callable[..., Any], name: str, config: dict[str, Any], code: bytes, qualifier: str = _LATEST
) -> Any:
    """WebSocket APIs take a worker by themselves, under the name of the alias whatever version that leads to."""
    routed = _routed({"config": config, "code_zip": code})
    return original(name, routed["config"], routed["code_zip"], qualifier=routed["config"].get("Version", qualifier))


def _routed(function: dict[str, Any]) -> dict[str, Any]:
    """Return what is executed: of an alias, the version that is drawn."""
    config = function.get("config") or function
    arn = str(config.get("FunctionArn", ""))
    parts = arn.split(":")
    if len(parts) != _QUALIFIED:
        return function
    *_, region, account, _, name, qualifier = parts
    base = _lambda._functions.get_scoped(account, region, name)
    if base is None:
        return function
    shared = {"concurrency": base.get("concurrency")}
    alias = base.get("aliases", {}).get(qualifier)
    if alias is None or not _weights(alias):
        return {**function, **shared}
    known, version = _drawn.get()
    if known != arn:
        version = _draw(alias)
    drawn = base["versions"].get(version)
    if drawn is None:
        return {**function, **shared}
    return {**function, **drawn, **shared, "config": {**drawn["config"], "FunctionArn": arn}, WEIGHTED: True}


@patch("ministack.services.lambda_svc:_invoke")
async def _invoke(
    original: Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]],
    name: str,
    event: Any,
    headers: Mapping[str, str],
    path_qualifier: str | None = None,
    query_params: Mapping[str, Any] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Draw the version first, as the answer names it."""
    function = _lambda._functions.get(name) or {}
    qualifier = _lambda._qualifier_from_path_or_query(path_qualifier, query_params)
    alias = function.get("aliases", {}).get(qualifier)
    if alias is None or not _weights(alias):
        return await original(name, event, headers, path_qualifier, query_params)
    version = _draw(alias)
    token = _drawn.set((f"{function['config']['FunctionArn']}:{qualifier}", version))
    try:
        status, answer, body = await original(name, event, headers, path_qualifier, query_params)
    finally:
        _drawn.reset(token)
    return status, {**answer, "X-Amz-Executed-Version": version} if "X-Amz-Executed-Version" in answer else answer, body
