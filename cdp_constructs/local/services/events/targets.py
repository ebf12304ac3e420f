"""EventBridge: rules whose targets are functions, state machines, Kinesis streams, delivery streams and log groups.

MiniStack calls functions itself, so that they have no retries and no destinations, starts state machines whatever the
role may, and delivers nothing to the others. Here state machines and streams are called under the role of the target,
once and without retries; what could not be delivered to them goes to the target's dead-letter queue. Schedules of
EventBridge Scheduler are in `scheduler.py`.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import clients
from cdp_constructs.local.services.iam import sessions
from cdp_constructs.local.services.lambda_.invocation import FunctionNotFoundError, invoke_async

_concurrency: Any = ministack.module("core.concurrency", "spawn_background")
_events: Any = ministack.module("services.eventbridge", "_apply_input_transformer", "_pattern_event_view")
_logs: Any = ministack.module("services.cloudwatch_logs", "_create_log_stream", "_put_log_events")
_responses: Any = ministack.module("core.responses", "request_scope")
_sqs: Any = ministack.module("services.sqs", "queue_policy_allows")

_SERVICE = "events.amazonaws.com"

__all__ = ["CALLED", "said", "send"]

_logger = logging.getLogger(__name__)


def _payload(target: Mapping[str, Any], rule: Any, view: Any) -> str:
    if target.get("InputTransformer"):
        return str(_events._apply_input_transformer(target["InputTransformer"], rule, view))
    if target.get("Input"):
        return str(target["Input"])
    event = view.event_with_detail()
    return json.dumps(_at(event, target.get("InputPath") or "$"))


def _at(event: Any, path: str) -> Any:
    """Return what a path such as `$.detail.id` leads to; the whole event when it leads nowhere."""
    found = event
    for part in path.removeprefix("$").split("."):
        if part:
            found = found.get(part) if isinstance(found, Mapping) else None
    return event if found is None else found


def _to_stream(target: Mapping[str, Any], region: str, name: str, payload: str, event: Any) -> None:
    parameters = target.get("KinesisParameters") or {}
    path = parameters.get("PartitionKeyPath")
    # A target of EventBridge Scheduler has the key itself.
    key = parameters.get("PartitionKey") or (_at(event, path) if path else event.get("id", ""))
    client = sessions.client("kinesis", target["RoleArn"], "events", region)
    client.put_record(StreamName=name, PartitionKey=str(key), Data=payload.encode())


def _to_delivery_stream(target: Mapping[str, Any], region: str, name: str, payload: str, _event: Any) -> None:
    client = sessions.client("firehose", target["RoleArn"], "events", region)
    client.put_record(DeliveryStreamName=name, Record={"Data": payload.encode()})


def _to_workflow(target: Mapping[str, Any], region: str, _name: str, payload: str, _event: Any) -> None:
    client = sessions.client("stepfunctions", target["RoleArn"], "events", region)
    client.start_execution(stateMachineArn=target["Arn"], input=payload)


CALLED: Mapping[str, Callable[[Mapping[str, Any], str, str, str, Any], None]] = {
    "firehose": _to_delivery_stream,
    "kinesis": _to_stream,
    "states": _to_workflow,
}
"""By service, what calls a target: its settings, the Region, the name, the payload and the event."""


def _to_log(account: str, region: str, group: str, payload: str, event: Mapping[str, Any]) -> None:
    stream = str(event.get("id", ""))
    with _responses.request_scope(account, region):
        with suppress(Exception):
            _logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
        events = [{"timestamp": int(time.time() * 1000), "message": payload}]
        _logs._put_log_events({"logGroupName": group, "logStreamName": stream, "logEvents": events})


@patch("ministack.services.eventbridge:_dispatch_to_lambda")
def _to_function(_original: Callable[[str, str], None], arn: str, payload: str) -> None:
    def deliver() -> None:
        try:
            invoke_async(arn, json.loads(payload))
        except FunctionNotFoundError as error:
            _logger.warning("a rule does not deliver: %s", error)

    _concurrency.spawn_background(deliver, thread_name="rule")


def _keep(queue: str, target: Mapping[str, Any], rule: Mapping[str, Any], body: str, error: Exception) -> None:
    """Send what could not be delivered to a dead-letter queue, if that is allowed.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    _, _, _, region, account, _ = queue.split(":")
    if not _sqs.queue_policy_allows(queue, _SERVICE, str(rule.get("Arn", "")), account):
        _logger.warning("the policy of %s does not let %s send", queue, _SERVICE)
        return
    attributes = {**said(error), "TARGET_ARN": target["Arn"], "RULE_ARN": rule.get("Arn")}
    send(clients().get("sqs", region=region), queue, body, attributes)


def said(error: Exception) -> dict[str, str]:
    """Return what a dead letter says about an error."""
    code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
    return {"ERROR_CODE": code, "ERROR_MESSAGE": str(error)}


def send(client: Any, queue: str, body: str, attributes: Mapping[str, Any]) -> None:
    """Send a dead letter; a refusal is logged.

    Args:
        client: Of SQS, that may send.
        queue: ARN of the queue.
        body: What could not be delivered.
        attributes: What is known about it, by name; empty ones are left out.
    """
    values = {name: {"DataType": "String", "StringValue": str(value)} for name, value in attributes.items() if value}
    try:
        client.send_message(QueueUrl=sessions.queue_url(queue), MessageBody=body, MessageAttributes=values)
    except Exception as refused:  # noqa: BLE001  # AWS counts it as a failed invocation
        _logger.warning("nothing can be sent to %s: %s", queue, refused)


@patch("ministack.services.eventbridge:_invoke_target")
def _invoke(
    original: Callable[..., None], target: Mapping[str, Any], event: Mapping[str, Any], rule: Any, view: Any = None
) -> None:
    parts = str(target.get("Arn", "")).split(":", 5)
    if len(parts) < 6 or parts[2] not in {*CALLED, "logs"}:  # noqa: PLR2004  # an ARN
        original(target, event, rule, view)
        return
    _, _, service, region, account, resource = parts
    seen = view or _events._pattern_event_view(event)
    payload, whole = _payload(target, rule, seen), seen.event_with_detail()

    def deliver() -> None:
        try:
            if service == "logs":
                _to_log(account, region, resource.removeprefix("log-group:").partition(":")[0], payload, whole)
            else:
                with _responses.request_scope(account, region):
                    CALLED[service](target, region, resource.rpartition("/")[2], payload, whole)
        except Exception as error:  # noqa: BLE001  # AWS counts it as a failed invocation
            _logger.warning("a rule does not deliver to %s: %s", target["Arn"], error)
            if queue := (target.get("DeadLetterConfig") or {}).get("Arn"):
                _keep(queue, target, rule, json.dumps(whole), error)

    # The services that are called answer on the thread that publishes the event.
    _concurrency.spawn_background(deliver, thread_name="rule")
