"""AppSync Events: the functions that a channel namespace names with `DIRECT` integration, called as AppSync calls them.

They run under the role of their data source. Handlers written in AppSync's JavaScript are not run.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.iam.evaluation import role_allows
from cdp_constructs.local.services.lambda_.invocation import FunctionNotFoundError, invoke

__all__ = ["HandlerError", "HandlerFailedError", "call_handler", "parsed"]


_appsync: Any = ministack.module("services.appsync", "_data_sources")
_concurrency: Any = ministack.module("core.concurrency", "run_reentrant")
_events: Any = ministack.module(
    "services.appsync_events", "_apis", "_channel_namespace_for", "_channel_namespaces", "_split_channel"
)
_responses: Any = ministack.module("core.responses")


class HandlerError(Exception):
    """A namespace's function could not be called, failed, or refused."""


class HandlerFailedError(HandlerError):
    """It could not be called, or failed: an error of the API, and not of its client."""


async def call_handler(
    api_id: str, channel: str, name: str, identity: dict[str, Any] | None, headers: Mapping[str, Any], events: Any
) -> dict[str, Any] | None:
    """Call the function that a namespace names for an operation; None when there is none or it returns nothing.

    Raises:
        HandlerError: it refused or failed, or the data source's role may not call it.
    """
    namespace = _events._channel_namespace_for(channel)
    record = _events._channel_namespaces.get(api_id, {}).get(namespace) or {}
    handler = (record.get("handlerConfigs") or {}).get(name) or {}
    if handler.get("behavior") != "DIRECT":
        return None
    integration = handler.get("integration") or {}
    source = _appsync._data_sources.get(api_id, {}).get(integration.get("dataSourceName")) or {}
    event = {
        "identity": identity,
        "result": None,
        "request": {"headers": dict(headers), "domainName": None},
        "info": {
            "channel": {"path": _path(channel), "segments": _events._split_channel(channel)},
            "channelNamespace": {"name": namespace},
            "operation": "SUBSCRIBE" if name == "onSubscribe" else "PUBLISH",
        },
        "error": None,
        "prev": None,
        "stash": {},
        "outErrors": [],
        "events": events,
    }
    answer = await _concurrency.run_reentrant(_invoke, source, event)
    if (integration.get("lambdaConfig") or {}).get("invokeType") == "EVENT":
        return None
    if isinstance(answer, dict) and answer.get("error"):
        raise HandlerError(str(answer["error"]))
    return answer if isinstance(answer, dict) else None


def _path(channel: str) -> str:
    return "/" + "/".join(_events._split_channel(channel))


def _invoke(source: Mapping[str, Any], event: dict[str, Any]) -> Any:
    arn = (source.get("lambdaConfig") or {}).get("lambdaFunctionArn", "")
    if not role_allows(source.get("serviceRoleArn", ""), "appsync", "lambda:InvokeFunction", arn):
        raise HandlerFailedError(f"the role of data source {source.get('name')} may not invoke {arn}")
    try:
        result = invoke(arn, event)
    except FunctionNotFoundError as error:
        raise HandlerFailedError(str(error)) from error
    body = result.get("body")
    body = parsed(body) if isinstance(body, str | bytes) else body
    if result.get("error"):
        message = body.get("errorMessage") if isinstance(body, dict) else None
        raise HandlerFailedError(message or "the handler failed")
    return body


def parsed(event: Any) -> Any:
    """Return what JSON stands for, and anything else as it is."""
    try:
        return json.loads(event)
    except (TypeError, ValueError):
        return event


@patch("ministack.services.appsync:_create_data_source")
def _create_data_source(original: Callable[..., Any], api_id: str, body: dict[str, Any]) -> Any:
    """Let Events APIs have data sources too."""
    api = _events._apis.get(api_id)
    if api is None:
        return original(api_id, body)
    record = {**body, "dataSourceArn": f"{api['apiArn']}/datasources/{body['name']}"}
    _appsync._data_sources.setdefault(api_id, {})[body["name"]] = record
    return _responses.json_response({"dataSource": record})
