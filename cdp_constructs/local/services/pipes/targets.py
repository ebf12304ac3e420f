"""EventBridge Pipes: enrichments and targets, called under the role of the pipe."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cdp_constructs.local.services.iam import sessions
from cdp_constructs.local.services.pipes.sources import session_of
from cdp_constructs.local.services.pipes.templates import transformed, value_of

__all__ = ["deliver", "enriched"]

_WAITS = "REQUEST_RESPONSE"


def _client(pipe: Mapping[str, Any], service: str, arn: str) -> Any:
    name = {"states": "stepfunctions"}.get(service, service)
    return sessions.client(name, pipe["RoleArn"], session_of(pipe), arn.split(":")[3] or pipe["Arn"].split(":")[3])


def _called(function: Any, arn: str, payload: Any) -> Any:
    answer = function.invoke(FunctionName=arn, Payload=json.dumps(payload).encode())
    content = answer["Payload"].read()
    if "FunctionError" in answer:
        raise RuntimeError(f"{arn} failed: {content.decode()}")
    return json.loads(content) if content else None


def _run(states: Any, arn: str, payload: Any) -> Any:
    answer = states.start_sync_execution(stateMachineArn=arn, input=json.dumps(payload))
    if answer["status"] != "SUCCEEDED":
        raise RuntimeError(f"{arn} ended as {answer['status']}: {answer.get('error')} {answer.get('cause')}")
    return json.loads(answer["output"])


def enriched(pipe: Mapping[str, Any], events: Sequence[Any]) -> list[Any]:
    """Return what the enrichment makes of a batch; the batch itself without an enrichment.

    Raises:
        Exception: it could not be called, or failed.
    """
    arn = pipe.get("Enrichment")
    if not arn:
        return list(events)
    template = (pipe.get("EnrichmentParameters") or {}).get("InputTemplate")
    payload = [transformed(template, event, pipe) for event in events]
    service = arn.split(":")[2]
    if service == "lambda":
        answer = _called(_client(pipe, service, arn), arn, payload)
    elif service == "states":
        answer = _run(_client(pipe, service, arn), arn, payload)
    else:
        raise NotImplementedError(f"enrichment by {service} is not executed")
    return answer if isinstance(answer, list) else [answer]


def deliver(pipe: Mapping[str, Any], events: Sequence[Any]) -> list[str]:
    """Deliver a batch, and return the identities of the events that a function reports as failed.

    Raises:
        Exception: the target could not be called, or failed.
    """
    arn, parameters = pipe["Target"], pipe.get("TargetParameters") or {}
    service = arn.split(":")[2]
    payload = [transformed(parameters.get("InputTemplate"), event, pipe) for event in events]
    client = _client(pipe, service, arn)
    if service == "lambda":
        return _to_function(client, arn, parameters, payload)
    if service == "states":
        kind = (parameters.get("StepFunctionStateMachineParameters") or {}).get("InvocationType")
        if kind == _WAITS and client.describe_state_machine(stateMachineArn=arn)["type"] == "EXPRESS":
            _run(client, arn, payload)
        else:
            client.start_execution(stateMachineArn=arn, input=json.dumps(payload))
        return []
    for item in payload:
        _to_service(client, service, pipe, parameters, item)
    return []


def _to_function(client: Any, arn: str, parameters: Mapping[str, Any], payload: Any) -> list[str]:
    if (parameters.get("LambdaFunctionParameters") or {}).get("InvocationType", _WAITS) != _WAITS:
        client.invoke(FunctionName=arn, InvocationType="Event", Payload=json.dumps(payload).encode())
        return []
    answer = _called(client, arn, payload)
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return [str(failure.get("itemIdentifier")) for failure in failures or []]


def _to_service(client: Any, service: str, pipe: Mapping[str, Any], parameters: Mapping[str, Any], item: Any) -> None:
    arn, text = pipe["Target"], item if isinstance(item, str) else json.dumps(item)
    resource = arn.split(":", 5)[5]
    if service == "sqs":
        given = parameters.get("SqsQueueParameters") or {}
        options = {name: value_of(value, item) for name, value in given.items()}
        client.send_message(QueueUrl=sessions.queue_url(arn), MessageBody=text, **options)
    elif service == "sns":
        client.publish(TopicArn=arn, Message=text)
    elif service == "events":
        given = parameters.get("EventBridgeEventBusParameters") or {}
        entry = {
            "EventBusName": arn,
            "Source": value_of(given.get("Source") or f"Pipe {pipe['Name']}", item),
            "DetailType": value_of(given.get("DetailType") or f"Event from aws:{pipe['Source'].split(':')[2]}", item),
            "Detail": text,
            "Resources": given.get("Resources") or [],
        }
        sessions.put_event(client, entry)
    elif service == "kinesis":
        key = value_of((parameters.get("KinesisStreamParameters") or {})["PartitionKey"], item)
        client.put_record(StreamARN=arn, PartitionKey=key, Data=text.encode())
    elif service == "firehose":
        client.put_record(DeliveryStreamName=resource.partition("/")[2], Record={"Data": text.encode()})
    elif service == "logs":
        _to_log(client, resource.removeprefix("log-group:").partition(":")[0], parameters, text)
    else:
        raise NotImplementedError(f"a target of {service} is not executed")


def _to_log(client: Any, group: str, parameters: Mapping[str, Any], text: str) -> None:
    stream = (parameters.get("CloudWatchLogsParameters") or {}).get("LogStreamName") or secrets.token_hex(8)
    with suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": int(time.time() * 1000), "message": text}]
    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
