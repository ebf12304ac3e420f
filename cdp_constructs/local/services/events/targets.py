"""EventBridge: rules whose targets are functions, state machines, Kinesis streams, delivery streams and log groups.

MiniStack calls functions itself, so that they have no retries and no destinations, starts state machines whatever the
role may, and delivers nothing to the others. Here state machines and streams are called under the role of the target,
once and without retries; so are all targets of EventBridge Scheduler, functions, queues, topics and event buses too.
What could not be delivered to them goes to the target's dead-letter queue.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
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
_sqs: Any = ministack.module("services.sqs", "_queue_url_for_account", "queue_policy_allows")

_SERVICE = "events.amazonaws.com"

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


def _message(target: Mapping[str, Any], payload: str) -> dict[str, Any]:
    """Return the request of a schedule to a queue or a topic, which is also what its dead-letter queue gets."""
    _, _, service, _, account, name = target["Arn"].split(":", 5)
    if service == "sns":
        return {"Message": payload, "TopicArn": target["Arn"]}
    url = _sqs._queue_url_for_account(account, name)
    return {"MessageBody": payload, "QueueUrl": url, **target.get("SqsParameters", {})}


def _to_queue(target: Mapping[str, Any], region: str, _name: str, payload: str, _event: Any) -> None:
    sessions.client("sqs", target["RoleArn"], "events", region).send_message(**_message(target, payload))


def _to_topic(target: Mapping[str, Any], region: str, _name: str, payload: str, _event: Any) -> None:
    sessions.client("sns", target["RoleArn"], "events", region).publish(**_message(target, payload))


def _to_function_of_schedule(target: Mapping[str, Any], region: str, _name: str, payload: str, _event: Any) -> None:
    client = sessions.client("lambda", target["RoleArn"], "events", region)
    client.invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=payload.encode())


def _to_event_bus(target: Mapping[str, Any], region: str, _name: str, payload: str, _event: Any) -> None:
    client = sessions.client("events", target["RoleArn"], "events", region)
    sessions.put_event(client, {**target["EventBridgeParameters"], "Detail": payload, "EventBusName": target["Arn"]})


_Call = Callable[[Mapping[str, Any], str, str, str, Any], None]
_CALLED: Mapping[str, _Call] = {
    "firehose": _to_delivery_stream,
    "kinesis": _to_stream,
    "states": _to_workflow,
}
_BY_SCHEDULES: Mapping[str, _Call] = {
    "events": _to_event_bus,
    "lambda": _to_function_of_schedule,
    "sns": _to_topic,
    "sqs": _to_queue,
}
"""Rules reach these by the policies of the resources, schedules by their roles."""


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


def _is_schedule(rule: Mapping[str, Any]) -> bool:
    """Whether EventBridge Scheduler calls, and not a rule."""
    return "FlexibleTimeWindow" in rule


def _body(target: Mapping[str, Any], rule: Mapping[str, Any], payload: str, event: Mapping[str, Any]) -> str:
    """Return what a dead-letter queue gets: the event of a rule, and what a schedule had sent."""
    if not _is_schedule(rule):
        return json.dumps(event)
    of_request = target["Arn"].split(":")[2] in {"sns", "sqs"}
    return json.dumps(_message(target, payload), separators=(",", ":")) if of_request else payload


def _keep(queue: str, target: Mapping[str, Any], rule: Mapping[str, Any], body: str, error: Exception) -> None:
    """Send what could not be delivered to a dead-letter queue, if that is allowed.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    _, _, _, region, account, _ = queue.split(":")
    if _is_schedule(rule):
        client = sessions.client("sqs", target["RoleArn"], "events", region)
    else:
        if not _sqs.queue_policy_allows(queue, _SERVICE, str(rule.get("Arn", "")), account):
            _logger.warning("the policy of %s does not let %s send", queue, _SERVICE)
            return
        client = clients().get("sqs", region=region)
    code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
    kind = "SCHEDULE_ARN" if _is_schedule(rule) else "RULE_ARN"
    values = {"ERROR_CODE": code, "ERROR_MESSAGE": str(error), "TARGET_ARN": target["Arn"], kind: rule.get("Arn")}
    attributes = {name: {"DataType": "String", "StringValue": str(value)} for name, value in values.items() if value}
    try:
        client.send_message(QueueUrl=sessions.queue_url(queue), MessageBody=body, MessageAttributes=attributes)
    except Exception as refused:  # noqa: BLE001  # AWS counts it as a failed invocation
        _logger.warning("nothing can be sent to %s: %s", queue, refused)


@patch("ministack.services.eventbridge:_invoke_target")
def _invoke(
    original: Callable[..., None], target: Mapping[str, Any], event: Mapping[str, Any], rule: Any, view: Any = None
) -> None:
    parts = str(target.get("Arn", "")).split(":", 5)
    called = {**_CALLED, **(_BY_SCHEDULES if _is_schedule(rule) else {})}
    if len(parts) < 6 or parts[2] not in {*called, "logs"}:  # noqa: PLR2004  # an ARN
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
                    called[service](target, region, resource.rpartition("/")[2], payload, whole)
        except Exception as error:  # noqa: BLE001  # AWS counts it as a failed invocation
            _logger.warning("a rule does not deliver to %s: %s", target["Arn"], error)
            if queue := (target.get("DeadLetterConfig") or {}).get("Arn"):
                _keep(queue, target, rule, _body(target, rule, payload, whole), error)

    # The services that are called answer on the thread that publishes the event.
    _concurrency.spawn_background(deliver, thread_name="rule")
