"""CloudWatch Logs: what becomes of log events once they are stored: metrics, and deliveries to subscriptions.

Subscription filters deliver to functions, asynchronously, and to Kinesis and Firehose streams; what they cannot deliver
is counted in `DeliveryErrors`.

MiniStack calls functions itself, so that they have no retries and no destinations, and delivers nothing to streams.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

import base64
import gzip
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.cloudwatch import log_metrics
from cdp_constructs.local.services.iam import sessions
from cdp_constructs.local.services.lambda_.invocation import invoke_async

_concurrency: Any = ministack.module("core.concurrency", "spawn_background")
_logs: Any = ministack.module("services.cloudwatch_logs", "_log_groups")
_responses: Any = ministack.module("core.responses", "get_account_id", "request_scope")

_logger = logging.getLogger(__name__)


@patch("ministack.services.cloudwatch_logs:_fanout_to_subscription_filters")
def _stored(_original: Callable[..., None], group: str, stream: str, events: Sequence[Mapping[str, Any]]) -> None:
    """MiniStack calls this with the events of functions and of `PutLogEvents`."""
    log_metrics.read(group, map(_message, events))
    filters = (_logs._log_groups.get(group) or {}).get("subscriptionFilters") or {}
    for each in filters.values():
        destination = str(each.get("destinationArn", ""))
        # A function whose own log it reads would call itself for ever.
        own = ":function:" in destination and group == f"/aws/lambda/{destination.split(':')[6]}"
        found = [event for event in events if log_metrics.matches(each.get("filterPattern") or "", _message(event))]
        if found and not own:
            data = gzip.compress(json.dumps(_envelope(group, stream, each, found)).encode())
            _concurrency.spawn_background(_send, group, each, data, len(found), thread_name="logs")


def _message(event: Mapping[str, Any]) -> str:
    return str(event.get("message") or "")


def _envelope(
    group: str, stream: str, subscription: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    now = int(time.time() * 1000)
    return {
        "messageType": "DATA_MESSAGE",
        "owner": _responses.get_account_id(),
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [subscription.get("filterName", "")],
        "logEvents": [
            {"id": uuid.uuid4().hex, "timestamp": event.get("timestamp", now), "message": _message(event)}
            for event in events
        ],
    }


def _send(group: str, subscription: Mapping[str, Any], data: bytes, events: int) -> None:
    destination, role = str(subscription.get("destinationArn", "")), subscription.get("roleArn") or ""
    try:
        _, _, service, region, account, resource = destination.split(":", 5)
        with _responses.request_scope(account, region):
            if service == "lambda":
                invoke_async(destination, {"awslogs": {"data": base64.b64encode(data).decode()}})
            elif service == "kinesis":
                stream = sessions.client("kinesis", role, "logs", region)
                stream.put_record(StreamName=resource.rpartition("/")[2], PartitionKey=uuid.uuid4().hex, Data=data)
            elif service == "firehose":
                delivery = sessions.client("firehose", role, "logs", region)
                delivery.put_record(DeliveryStreamName=resource.rpartition("/")[2], Record={"Data": data})
    except Exception as error:  # noqa: BLE001  # what CloudWatch Logs cannot deliver is dropped
        _logger.warning("a subscription does not deliver to %s: %s", destination, error)
        _count_errors(group, subscription, events)


def _count_errors(group: str, subscription: Mapping[str, Any], events: int) -> None:
    service, region, account = str(subscription.get("destinationArn", "")).split(":")[2:5]
    dimensions = {
        "LogGroupName": group,
        "DestinationType": {"kinesis": "Kinesis Data Stream"}.get(service, service.capitalize()),
        "FilterName": str(subscription.get("filterName", "")),
    }
    with _responses.request_scope(account, region):
        emit("AWS/Logs", "DeliveryErrors", dimensions, events)
