"""Firehose: records for S3 are buffered by size and time, and delivered together.

MiniStack writes an object per record. A delivery that fails is retried, as Firehose does. The metrics
`DeliveryToS3.DataFreshness`, `DeliveryToS3.Success`, `DeliveryToS3.Records` and `FailedConversion.Records` are emitted
at each delivery, with `KinesisMillisBehindLatest` where a stream is read; the first one also while a delivery is late.

`POST /_cdp/firehose/flush?region=us-east-1&name=<delivery stream>` delivers at once what the buffer has.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.firehose.delivery import deliver
from cdp_constructs.local.services.firehose.transformation import Record

_firehose: Any = ministack.module("services.firehose", "_streams")
_responses: Any = ministack.module("core.responses")

_logger = logging.getLogger(__name__)

_MEGABYTE = 1_048_576
_DEFAULT_SIZE_MB = 5
_DEFAULT_INTERVAL = 300
_RETRY_AFTER = 5

_Key: TypeAlias = tuple[str, str, str, str]
"""Account, Region, name of the delivery stream, id of its destination."""


@dataclass
class _Buffer:
    records: list[Record] = field(default_factory=list)
    size: int = 0
    timer: threading.Timer | None = None


_buffers: dict[_Key, _Buffer] = {}
_lock = threading.Lock()


@patch("ministack.services.firehose:_deliver_records_to_s3")
def _buffer(
    _original: Callable[..., None],
    stream: Mapping[str, Any],
    destination: Mapping[str, Any],
    records: list[tuple[str, bytes]],
) -> None:
    """Keep records until the buffer is full or its interval is over."""
    key = (_responses.get_account_id(), _responses.get_region(), stream["name"], destination["id"])
    hints = destination["config"].get("BufferingHints") or {}
    now = time.time()
    _keep(
        key,
        [(identity, data, now) for identity, data in records],
        float(hints.get("IntervalInSeconds", _DEFAULT_INTERVAL)),
    )
    if _buffers[key].size >= float(hints.get("SizeInMBs", _DEFAULT_SIZE_MB)) * _MEGABYTE:
        threading.Thread(target=_flush, args=(key,), daemon=True).start()


def _keep(key: _Key, records: list[Record], interval: float) -> None:
    with _lock:
        buffer = _buffers.setdefault(key, _Buffer())
        buffer.records += records
        buffer.size += sum(len(data) for _, data, _ in records)
        if buffer.timer is None:
            buffer.timer = threading.Timer(interval, _flush, args=(key,))
            buffer.timer.daemon = True
            buffer.timer.start()


def _flush(key: _Key) -> None:
    account, region, name, destination_id = key
    with _lock:
        buffer = _buffers.get(key)
        if buffer is None or not buffer.records:
            return
        if buffer.timer is not None:
            buffer.timer.cancel()
        # Those of a delivery that failed are older than what came meanwhile.
        records, _buffers[key] = sorted(buffer.records, key=lambda record: record[2]), _Buffer()
    with _responses.request_scope(account, region):
        stream = _firehose._streams.get(name) or {"destinations": []}
        destination = next((item for item in stream["destinations"] if item["id"] == destination_id), None)
        if destination is None:
            return
        try:
            failed = deliver(stream, destination, records)
        except Exception:
            _logger.exception("Firehose delivery of %s failed; it is retried", name)
            emit("AWS/Firehose", "DeliveryToS3.Success", {"DeliveryStreamName": name}, 0)
            _keep(key, records, _RETRY_AFTER)
            return
        _emit_metrics(name, len(records), failed)


def _emit_metrics(name: str, delivered: int, failed: int) -> None:
    stream = {"DeliveryStreamName": name}
    # No older record is left; the buffer was just emptied.
    emit("AWS/Firehose", "DeliveryToS3.DataFreshness", stream, 0, unit="Seconds")
    emit("AWS/Firehose", "DeliveryToS3.Success", stream, 1)
    emit("AWS/Firehose", "DeliveryToS3.Records", stream, delivered - failed)
    emit("AWS/Firehose", "FailedConversion.Records", stream, failed)
    if (_firehose._streams.get(name) or {}).get("type") == "KinesisStreamAsSource":
        # A record is read as soon as it is put into the stream.
        emit("AWS/Firehose", "KinesisMillisBehindLatest", stream, 0, unit="Milliseconds")


@gauge
def _overdue() -> None:
    """Emit how old the oldest record is whose delivery is late."""
    with _lock:
        oldest = {key: min(at for _, _, at in buffer.records) for key, buffer in _buffers.items() if buffer.records}
    for (account, region, name, _), at in oldest.items():
        age = clock.now() - clock.at(at)
        with _responses.request_scope(account, region):
            if age > _interval(name):
                emit(
                    "AWS/Firehose",
                    "DeliveryToS3.DataFreshness",
                    {"DeliveryStreamName": name},
                    round(age),
                    unit="Seconds",
                )


def _interval(name: str) -> float:
    """Return how many seconds a record of a delivery stream waits at most, when nothing fails."""
    destinations = (_firehose._streams.get(name) or {}).get("destinations") or []
    hints = [destination["config"].get("BufferingHints") or {} for destination in destinations]
    return max((float(hint.get("IntervalInSeconds", _DEFAULT_INTERVAL)) for hint in hints), default=_DEFAULT_INTERVAL)


@route("POST", "firehose/flush")
def _flush_now(request: Mapping[str, Any]) -> Mapping[str, Any]:
    with _lock:
        found = {
            key: len(buffer.records)
            for key, buffer in _buffers.items()
            if key[1:3] == (request["region"], request["name"])
        }
    for key in found:
        threading.Thread(target=_flush, args=(key,), daemon=True).start()  # not on the event loop, which puts objects
    return {"records": sum(found.values())}
