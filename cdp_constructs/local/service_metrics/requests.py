"""Metrics of services by their answers to requests: DynamoDB, Kinesis and Firehose.

- https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
- https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
- https://docs.aws.amazon.com/firehose/latest/dev/cloudwatch-metrics.html
"""

import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch

_Answer: TypeAlias = tuple[int, Mapping[str, str], bytes | str]

_THROTTLED = re.compile(r"ProvisionedThroughputExceeded|ThrottlingException|RequestLimitExceeded|ThrottlingError")
_READS = ("BatchGetItem", "GetItem", "Query", "Scan", "TransactGetItems")
_TABLE = re.compile(rb'"TableName"\s*:\s*"([^"]+)"')
_STREAM = re.compile(rb'"(?:StreamName|DeliveryStreamName)"\s*:\s*"([^"]+)"')
_STREAM_ARN = re.compile(rb'"StreamARN"\s*:\s*"[^"]*stream/([^"]+)"')


def _tables(body: bytes) -> Iterator[str]:
    """Yield the tables that a request names, each once."""
    names = {name.decode() for name in _TABLE.findall(body)}
    if b'"RequestItems"' in body:
        names |= set(json.loads(body).get("RequestItems") or {})
    yield from (name.rpartition("/")[2] for name in names)


def _stream(body: bytes) -> str:
    found = _STREAM.search(body) or _STREAM_ARN.search(body)
    return found[1].decode() if found else ""


def _text(answer: _Answer) -> str:
    body = answer[2]
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body)


def _dynamodb(operation: str, body: bytes, answer: _Answer, milliseconds: int) -> None:
    status = answer[0]
    if status == HTTPStatus.OK:
        if found := _TABLE.search(body):
            of_table = {"TableName": found[1].decode(), "Operation": operation}
            emit("AWS/DynamoDB", "SuccessfulRequestLatency", of_table, milliseconds, unit="Milliseconds")
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        for table in _tables(body):
            emit("AWS/DynamoDB", "SystemErrors", {"TableName": table, "Operation": operation})
    elif _THROTTLED.search(_text(answer)):
        events = "ReadThrottleEvents" if operation in _READS else "WriteThrottleEvents"
        for table in _tables(body):
            emit("AWS/DynamoDB", "ThrottledRequests", {"TableName": table, "Operation": operation})
            emit("AWS/DynamoDB", events, {"TableName": table})
    elif "ConditionalCheckFailed" in _text(answer):
        for table in _tables(body):
            emit("AWS/DynamoDB", "ConditionalCheckFailedRequests", {"TableName": table})
    else:
        emit("AWS/DynamoDB", "UserErrors", {})


def _kinesis(operation: str, body: bytes, answer: _Answer, milliseconds: int) -> None:
    if operation not in {"PutRecord", "PutRecords", "GetRecords"}:
        return
    stream = {"StreamName": _stream(body)}
    done = answer[0] == HTTPStatus.OK
    emit("AWS/Kinesis", f"{operation}.Success", stream, int(done))
    emit("AWS/Kinesis", f"{operation}.Latency", stream, milliseconds, unit="Milliseconds")
    if operation == "GetRecords":
        if not done and _THROTTLED.search(_text(answer)):
            emit("AWS/Kinesis", "ReadProvisionedThroughputExceeded", stream)
        return
    records = body.count(b'"PartitionKey"')
    if done:
        emit("AWS/Kinesis", "IncomingRecords", stream, records)
        emit("AWS/Kinesis", "IncomingBytes", stream, len(body), unit="Bytes")
    throttled = not done and _THROTTLED.search(_text(answer)) is not None
    emit("AWS/Kinesis", "WriteProvisionedThroughputExceeded", stream, records if throttled else 0)


def _firehose(operation: str, body: bytes, answer: _Answer, _milliseconds: int) -> None:
    if operation not in {"PutRecord", "PutRecordBatch"}:
        return
    stream = {"DeliveryStreamName": _stream(body)}
    records = max(1, body.count(b'"Data"'))
    if answer[0] == HTTPStatus.OK:
        emit("AWS/Firehose", "IncomingRecords", stream, records)
        emit("AWS/Firehose", "IncomingBytes", stream, len(body), unit="Bytes")
    # AWS answers 503 to what is above the limits of a delivery stream.
    throttled = "ServiceUnavailable" in _text(answer) or _THROTTLED.search(_text(answer)) is not None
    emit("AWS/Firehose", "ThrottledRecords", stream, records if answer[0] != HTTPStatus.OK and throttled else 0)


_SERVICES: Mapping[str, Callable[[str, bytes, _Answer, int], None]] = {
    "DynamoDB_20120810": _dynamodb,
    "Kinesis_20131202": _kinesis,
    "Firehose_20150804": _firehose,
}
"""By the prefix of the header `X-Amz-Target`."""


@patch("ministack.app:_dispatch_service_request")
async def _count(
    original: Callable[..., Awaitable[_Answer]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *rest: Any,
) -> _Answer:
    service, _, operation = headers.get("x-amz-target", "").partition(".")
    count = _SERVICES.get(service)
    if count is None:
        return await original(method, path, headers, body, *rest)
    started = time.perf_counter()
    answer = await original(method, path, headers, body, *rest)
    count(operation, body, answer, round((time.perf_counter() - started) * 1000))
    return answer
