"""Event source mappings of DynamoDB streams: batches are bisected, retries end, partial failures are kept apart.

MiniStack's own poller repeats a failing batch for ever and ignores these settings.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.extensions import _ministack

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.services.dynamodb:_tables",
    "ministack.services.lambda_svc:_ESM_BACKOFF_SECONDS",
    "ministack.services.lambda_svc:_apply_filter_criteria",
    "ministack.services.lambda_svc:_dynamodb_stream_positions",
    "ministack.services.lambda_svc:_esm_backoff_until",
    "ministack.services.lambda_svc:_execute_function",
    "ministack.services.lambda_svc:_get_func_record_for_qualifier",
    "ministack.services.lambda_svc:_iter_all_esms",
    "ministack.services.lambda_svc:_poll_dynamodb_streams",
    "ministack.services.lambda_svc:_send_ddb_stream_failure_record",
)

_ddb: Any = _ministack.module("services.dynamodb")
_lambda: Any = _ministack.module("services.lambda_svc")
_responses: Any = _ministack.module("core.responses")

_FOREVER = -1  # MaximumRetryAttempts and MaximumRecordAgeInSeconds without a limit
_DEFAULT_BATCH_SIZE = 100


@dataclass
class _Progress:
    """How the batch at the current position fares."""

    size: int
    tries: int = 0


_progress: dict[str, _Progress] = {}
"""By the id of the mapping; absent while batches succeed."""


def _poll() -> bool:
    """Stands in for MiniStack's round over all mappings; tells whether any of them got on."""
    progressed = [_poll_mapping(mapping, stream, table) for mapping, stream, table in _active()]
    return any(progressed)


def _active() -> Iterator[tuple[dict[str, Any], str, str]]:
    """Give the mappings whose stream exists, each inside its account and Region."""
    for account, region, mapping in _lambda._iter_all_esms():
        stream = mapping.get("EventSourceArn", "")
        service_region = stream.split(":")[2:4]
        if not mapping.get("Enabled", True) or service_region != ["dynamodb", region]:
            continue
        with _responses.request_scope(account, region):
            table = stream.split("/")[1]
            if (_ddb._tables.get(table) or {}).get("LatestStreamArn") == stream:
                yield mapping, stream, table


def _position(mapping: Mapping[str, Any], table: str) -> int:
    positions, identity = _lambda._dynamodb_stream_positions, mapping["UUID"]
    horizon: int = _ddb.stream_start_position(table)
    if identity not in positions:
        from_start = mapping.get("StartingPosition", "LATEST") == "TRIM_HORIZON"
        positions[identity] = horizon if from_start else _ddb.stream_end_position(table)
    position: int = max(positions[identity], horizon)
    return position


def _poll_mapping(mapping: dict[str, Any], stream: str, table: str) -> bool:
    identity = mapping["UUID"]
    function, _ = _lambda._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if function is None or _lambda._esm_backoff_until.get(identity, 0) > time.time():
        return False
    position = _position(mapping, table)
    progress = _progress.get(identity) or _Progress(int(mapping.get("BatchSize", _DEFAULT_BATCH_SIZE)))
    records = _ddb.stream_records_since(table, position, progress.size)
    if not records:
        return False
    batch = _lambda._apply_filter_criteria(records, mapping)
    result = _lambda._execute_function(function, {"Records": batch}) if batch else {}
    done = len(records) if not result.get("error") else 0
    if batch and not result.get("error") and (failed := _first_failure(mapping, batch, result)) is not None:
        done = records.index(failed)
    if done == len(records):
        mapping["LastProcessingResult"] = f"OK - {len(batch)} records"
        _progress.pop(identity, None)
        _lambda._esm_backoff_until.pop(identity, None)
    else:
        mapping["LastProcessingResult"] = "FAILED"
        done += _fail(mapping, progress, records[done:], (function, stream, result))
    _lambda._dynamodb_stream_positions[identity] = position + done
    return done > 0


def _first_failure(mapping: Mapping[str, Any], batch: list[Any], result: Mapping[str, Any]) -> Any | None:
    """Return the first record that the function reports as failed; AWS retries from there."""
    body = result.get("body")
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []) or not isinstance(body, dict):
        return None
    failed = {item.get("itemIdentifier") for item in body.get("batchItemFailures") or []}
    return next((record for record in batch if record["dynamodb"]["SequenceNumber"] in failed), None)


def _fail(mapping: dict[str, Any], progress: _Progress, records: list[Any], context: tuple[Any, str, Any]) -> int:
    """Decide what becomes of the records that failed; return how many of them are given up."""
    function, stream, result = context
    identity = mapping["UUID"]
    _progress[identity] = progress
    if mapping.get("BisectBatchOnFunctionError") and len(records) > 1:
        progress.size = (len(records) + 1) // 2
        return 0
    progress.tries += 1
    condition = _exhausted(mapping, progress, records)
    if condition:
        _lambda._send_ddb_stream_failure_record(mapping, function, records, stream, result, condition)
        _progress.pop(identity)
        return len(records)
    _lambda._esm_backoff_until[identity] = time.time() + _lambda._ESM_BACKOFF_SECONDS
    return 0


def _exhausted(mapping: Mapping[str, Any], progress: _Progress, records: list[Any]) -> str | None:
    retries = _limit(mapping, "MaximumRetryAttempts")
    if retries != _FOREVER and progress.tries > retries:
        return "RetryAttemptsExhausted"
    age = _limit(mapping, "MaximumRecordAgeInSeconds")
    oldest = min(float(record["dynamodb"]["ApproximateCreationDateTime"]) for record in records)
    return "MaxRecordAgeExceeded" if age > 0 and time.time() - oldest > age else None


def _limit(mapping: Mapping[str, Any], name: str) -> int:
    value = mapping.get(name)
    return _FOREVER if value is None else int(value)


def install() -> None:
    """Replace the round of MiniStack's poller over the mappings of DynamoDB streams."""
    _lambda._poll_dynamodb_streams = _poll
