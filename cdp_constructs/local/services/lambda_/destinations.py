"""Lambda: destinations of asynchronous invocations, for results and failures.

MiniStack sends failures to queues, topics and functions, in a form of its own, and drops the results of those that
succeed. Here the record goes to all five kinds of destinations under the function's role, so that a missing permission
loses it, as on AWS, and is counted (`DestinationDeliveryFailures`).

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.iam import sessions

_lambda: Any = ministack.module("services.lambda_svc", "_event_invoke_config", "_functions")

__all__ = ["Invocation", "current", "settings_of"]

_LATEST = "$LATEST"
_logger = logging.getLogger(__name__)


@dataclass
class Invocation:
    """An event in the queue of asynchronous invocations."""

    config: dict[str, Any]
    settings: Mapping[str, Any]
    request_id: str
    """All attempts have it."""
    attempts: int = 0
    condition: str = "RetriesExhausted"
    """Why it is given up."""

    def destination(self, kind: str) -> str:
        """Return the ARN of `OnSuccess` or `OnFailure`, empty when there is none."""
        return str(((self.settings.get("DestinationConfig") or {}).get(kind) or {}).get("Destination") or "")


current: ContextVar[Invocation | None] = ContextVar("asynchronous_invocation", default=None)
"""What is being attempted; None for other invocations."""


def settings_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of the version that runs, or of an alias that leads to it."""
    function, version = _lambda._functions.get(config.get("FunctionName")) or {}, config.get("Version") or _LATEST
    for qualifier in _qualifiers(function, version):
        if found := _lambda._event_invoke_config(function, qualifier):
            settings: Mapping[str, Any] = found
            return settings
    return {}


def _qualifiers(function: Mapping[str, Any], version: str) -> Iterator[str]:
    yield version
    for name, alias in (function.get("aliases") or {}).items():
        if alias.get("FunctionVersion") == version:
            yield name
    if version == _LATEST:
        yield ""


@patch("ministack.services.lambda_svc:_execute_function")
def _execute(original: Callable[..., dict[str, Any]], function: Any, event: Any) -> dict[str, Any]:
    result = original(function, event)
    invocation = current.get()
    if invocation is not None and not result.get("throttle"):
        invocation.attempts += 1
        if not result.get("error") and (destination := invocation.destination("OnSuccess")):
            try:
                _deliver(invocation, destination, "Success", event, result)
            except Exception as error:  # noqa: BLE001  # whatever a service answers, the invocation has succeeded
                _logger.warning("the result of %s was not delivered: %s", invocation.config["FunctionName"], error)
                emit("AWS/Lambda", "DestinationDeliveryFailures", {"FunctionName": invocation.config["FunctionName"]})
    return result


@patch("ministack.services.lambda_svc:_route_async_failure")
def _route_failure(
    original: Callable[..., None], target: str, name: str, event: Any, result: Mapping[str, Any]
) -> None:
    invocation = current.get()
    if invocation is None or target != invocation.destination("OnFailure"):
        original(target, name, event, result)
    else:
        _deliver(invocation, target, "Failure", event, result)


def _deliver(invocation: Invocation, destination: str, outcome: str, event: Any, result: Mapping[str, Any]) -> None:
    config = invocation.config
    version = config.get("Version") or _LATEST
    function = ":".join([*config["FunctionArn"].split(":")[:7], version])
    record = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": function,
            "condition": "Success" if outcome == "Success" else invocation.condition,
            "approximateInvokeCount": invocation.attempts,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": version,
            **({} if outcome == "Success" else {"functionError": result.get("function_error") or "Unhandled"}),
        },
        "responsePayload": result.get("body"),
    }
    _, _, service, region, _, resource = destination.split(":", 5)
    body = json.dumps(record, separators=(",", ":"))  # as Lambda writes it
    here = config["FunctionArn"].split(":")[3]

    def client(name: str) -> Any:
        return sessions.client_of_function(name, config, region or here)

    if service == "sqs":
        client("sqs").send_message(QueueUrl=sessions.queue_url(destination), MessageBody=body)
    elif service == "sns":
        client("sns").publish(TopicArn=destination, Message=body)
    elif service == "lambda":
        client("lambda").invoke(FunctionName=destination, InvocationType="Event", Payload=body.encode())
    elif service == "events":
        entry = {
            "EventBusName": destination,
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {outcome}",
            "Detail": body,
            "Resources": [destination, function],
        }
        sessions.put_event(client("events"), entry)
    else:
        now = datetime.now(UTC)
        key = f"aws/lambda/async/{config['FunctionName']}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        client("s3").put_object(Bucket=resource, Key=key, Body=body.encode())
