"""Batches of event source mappings for streams: bisection, limits of retries and age, partial failures.

A shard has one batch in progress, whatever the parallelization factor, on its own thread: MiniStack invokes functions
of streams on the thread that also serves every queue, so that a slow function delays all others.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.services.lambda_.mappings.reports import failed_of

__all__ = ["Shard", "mappings_of", "poll"]

_concurrency: Any = ministack.module("core.concurrency", "esm_wake", "spawn_background")
_lambda: Any = ministack.module(
    "services.lambda_svc",
    "_ESM_BACKOFF_SECONDS",
    "_apply_filter_criteria",
    "_execute_function",
    "_get_func_record_for_qualifier",
    "_iter_all_esms",
)
_responses: Any = ministack.module("core.responses")

_FOREVER = -1  # MaximumRetryAttempts and MaximumRecordAgeInSeconds without a limit
_DEFAULT_BATCH_SIZE = 100


@dataclass
class _Progress:
    """The state of the batch at the current position of a shard; reset while batches succeed."""

    size: int
    tries: int = 0
    not_before: float = 0
    in_progress: bool = False
    waiting: "_Waiting | None" = None


@dataclass(frozen=True)
class _Waiting:
    """A batch that is not done."""

    account: str
    region: str
    dimensions: tuple[tuple[str, dict[str, str], str], ...]
    """The metrics of its age: namespace, dimensions and name."""
    created: float
    """Of its last record."""

    def emit_age(self) -> None:
        age = clock.now() - clock.at(self.created)
        with _responses.request_scope(self.account, self.region):
            for namespace, dimensions, name in self.dimensions:
                emit(namespace, name, dimensions, max(0, round(age * 1000)), unit="Milliseconds")


_progress: dict[tuple[str, str], _Progress] = {}
"""By the id of the mapping and the shard."""


@dataclass(frozen=True)
class Shard:
    """A shard as one mapping reads it."""

    mapping: dict[str, Any]
    name: str
    read: Callable[[int], list[Any]]
    """Gives the next records, at most so many, as the function gets them."""
    advance: Callable[[int], None]
    """Moves on by so many records from where it was read."""
    sequence_number: Callable[[Any], str]
    created: Callable[[Any], float]
    """Seconds since the epoch."""
    give_up: Callable[[list[Any], Any, Mapping[str, Any], str, int], None]
    """Notifies the failure destination: records, function, its last result, the condition, the number of attempts."""


def mappings_of(service: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the enabled mappings with the ARN of their stream, each in the scope of its account and Region.

    Args:
        service: Whose streams, such as ``kinesis``.
    """
    for account, region, mapping in _lambda._iter_all_esms():
        stream = mapping.get("EventSourceArn", "")
        if mapping.get("Enabled", True) and stream.split(":")[2:5] == [service, region, account]:
            with _responses.request_scope(account, region):
                yield mapping, stream


def poll(shards: Iterable[Shard]) -> bool:
    """Start a batch of every shard that has records and no batch in progress; return whether there was any.

    Args:
        shards: Each is taken inside its account and Region.
    """
    started = [_start(shard) for shard in shards]
    return any(started)


def _start(shard: Shard) -> bool:
    mapping = shard.mapping
    function, _ = _lambda._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    key = (mapping["UUID"], shard.name)
    progress = _progress.setdefault(key, _Progress(_batch_size(mapping)))
    if function is None or progress.in_progress or progress.not_before > time.time():
        return False
    records = shard.read(progress.size)
    if not records:
        return False
    progress.in_progress = True
    progress.waiting = _waiting(mapping, function, shard.created(records[-1]))
    progress.waiting.emit_age()

    def run() -> None:
        try:
            _run(shard, progress, function, records)
        except Exception:
            # An error outside of the function: without a pause it would repeat at once, without end.
            progress.not_before = time.time() + _lambda._ESM_BACKOFF_SECONDS
            raise
        finally:
            progress.in_progress = False
            _concurrency.esm_wake.set()

    _concurrency.spawn_background(run, thread_name="ministack-esm")
    return True


# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
def _waiting(mapping: Mapping[str, Any], function: Any, created: float) -> _Waiting:
    name, stream = (function.get("config") or function)["FunctionName"], mapping["EventSourceArn"]
    ages = [("AWS/Lambda", {"FunctionName": name}, "IteratorAge")]
    if stream.split(":")[2] == "kinesis":
        of_stream = {"StreamName": stream.partition("/")[2]}
        ages.append(("AWS/Kinesis", of_stream, "GetRecords.IteratorAgeMilliseconds"))
    return _Waiting(_responses.get_account_id(), _responses.get_region(), tuple(ages), created)


@gauge
def _ages() -> None:
    """Emit the age of the batches that are in progress or retried, as long as they are."""
    for progress in list(_progress.values()):
        if progress.waiting is not None and (progress.in_progress or progress.tries):
            progress.waiting.emit_age()


def _run(shard: Shard, progress: _Progress, function: Any, records: list[Any]) -> None:
    mapping = shard.mapping
    batch = _lambda._apply_filter_criteria(records, mapping)
    result = _lambda._execute_function(function, {"Records": batch}) if batch else {}
    done = 0 if result.get("error") else len(records)
    if not result.get("error") and (failed := _first_failure(shard, batch, result)) is not None:
        done = records.index(failed)
    if done == len(records):
        mapping["LastProcessingResult"] = f"OK - {len(batch)} records"
        _reset(progress, _batch_size(mapping))
    else:
        mapping["LastProcessingResult"] = "FAILED"
        if done:  # what follows is another batch, with tries of its own
            _reset(progress, progress.size)
        done += _fail(shard, progress, records[done:], function, result)
    shard.advance(done)


def _reset(progress: _Progress, size: int) -> None:
    progress.size, progress.tries, progress.not_before = size, 0, 0
    progress.waiting = None


def _batch_size(mapping: Mapping[str, Any]) -> int:
    return int(mapping.get("BatchSize", _DEFAULT_BATCH_SIZE))


def _first_failure(shard: Shard, batch: list[Any], result: Mapping[str, Any]) -> Any | None:
    """Return the first record that the function reports as failed; AWS retries from there."""
    if "ReportBatchItemFailures" not in (shard.mapping.get("FunctionResponseTypes") or []):
        return None
    failed = failed_of(result.get("body"), [shard.sequence_number(record) for record in batch])
    return next((record for record in batch if shard.sequence_number(record) in failed), None)


def _fail(shard: Shard, progress: _Progress, records: list[Any], function: Any, result: Mapping[str, Any]) -> int:
    """Bisect, retry or discard the records that failed; return how many are discarded."""
    # What a function reports is where the batch is cut already; only a batch that failed as a whole is split.
    if shard.mapping.get("BisectBatchOnFunctionError") and result.get("error") and len(records) > 1:
        progress.size = (len(records) + 1) // 2  # splitting does not count as a try
        return 0
    progress.tries += 1
    condition = _exhausted(shard, progress, records)
    if condition:
        shard.give_up(records, function, result, condition, progress.tries)
        _reset(progress, _batch_size(shard.mapping))
        return len(records)
    progress.not_before = time.time() + _lambda._ESM_BACKOFF_SECONDS
    return 0


def _exhausted(shard: Shard, progress: _Progress, records: list[Any]) -> str | None:
    retries = _limit(shard.mapping, "MaximumRetryAttempts")
    if retries != _FOREVER and progress.tries > retries:
        return "RetryAttemptsExhausted"
    age = _limit(shard.mapping, "MaximumRecordAgeInSeconds")
    oldest = min(map(shard.created, records))
    return "MaxRecordAgeExceeded" if age > 0 and time.time() - oldest > age else None


def _limit(mapping: Mapping[str, Any], name: str) -> int:
    value = mapping.get(name)
    return _FOREVER if value is None else int(value)
