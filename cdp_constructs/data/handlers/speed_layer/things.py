"""What is done with the readings of things: fold them into their items, and publish the alerts that this makes."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from .alerts import Alerts
from .environment import Environment
from .folding import fold_latest, fold_window
from .records import Reading
from .store import LATEST, ChangedMeanwhileError, Store, window_key

__all__ = ["Result", "Things"]

logger = Logger(child=True)

_States = dict[str, dict[str, Any]]
"""Of one thing, by sort key."""

TRIES = 5
# What DynamoDB answers for an item that it will never take, such as one of more than 400 KB, and SNS for such an alert.
PERMANENT = {"ValidationException", "InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid"}
WORKERS = 8


@dataclass(kw_only=True)
class Result:
    """What became of readings."""

    retry_from: str | None = None
    """The sequence number from which on to try again, None when everything is done."""
    rejected: Mapping[str, list[str]] = field(default_factory=dict)
    """Reasons by the sequence numbers of readings that will never be recorded; a record may have several readings."""
    duplicates: int = 0
    too_late: int = 0


class Things:
    """The items of things, and the topic of their alerts."""

    def __init__(self, store: Store, alerts: Alerts, environment: Environment) -> None:
        """Keep the state of things in a store."""
        self._store = store
        self._alerts = alerts
        self._environment = environment

    def record(self, by_thing: Mapping[str, Sequence[Reading]]) -> list[Result]:
        """Work on the readings of each thing, in their order; things side by side."""
        try:
            # One read for the whole batch: what an invocation costs is the number of its calls.
            states = self._store.read({thing: self._keys(readings) for thing, readings in by_thing.items()})
        except Exception as error:
            if _may_pass(error):
                logger.exception("Nothing of the batch is recorded; retried")
                return [Result(retry_from=readings[0].sequence_number) for readings in by_thing.values()]
            states = {}  # one of them is at fault: each reads its own
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(lambda thing: self._record_thing(by_thing[thing], states.get(thing)), by_thing))

    def _record_thing(self, readings: Sequence[Reading], states: _States | None = None) -> Result:
        first = readings[0]
        try:
            return self._fold_until_written(readings, states)
        except Exception as error:
            if _may_pass(error):
                logger.exception("Not recorded; retried", thing=first.thing)
                return Result(retry_from=first.sequence_number)
            if len(readings) > 1:
                return self._record_one_by_one(readings)
            return Result(rejected={first.sequence_number: [f"{type(error).__name__}: {error}"]})

    def _record_one_by_one(self, readings: Sequence[Reading]) -> Result:
        """One of the readings is at fault: alone, only that one is rejected."""
        total = Result()
        for reading in readings:
            result = self._record_thing([reading])
            total = Result(
                retry_from=result.retry_from,
                rejected={
                    number: [*total.rejected.get(number, []), *result.rejected.get(number, [])]
                    for number in {**total.rejected, **result.rejected}
                },
                duplicates=total.duplicates + result.duplicates,
                too_late=total.too_late + result.too_late,
            )
            if result.retry_from is not None:
                break
        return total

    def _fold_until_written(self, readings: Sequence[Reading], states: _States | None) -> Result:
        thing = readings[0].thing
        for _ in range(TRIES):
            try:
                return self._fold(readings, states or self._store.read({thing: self._keys(readings)})[thing])
            except ChangedMeanwhileError:
                states = None
        raise TimeoutError(f"{thing} is written by others all the time")

    def _kept(self, readings: Iterable[Reading]) -> list[Reading]:
        # A window that would have expired by now is not started again: it would be there in part only.
        retention = self._environment.window_retention_ms
        if retention is None:
            return []
        length = self._environment.window_ms
        return [reading for reading in readings if reading.window_ms(length) + retention > reading.arrived_ms]

    def _window_key(self, reading: Reading) -> str:
        length = self._environment.window_ms
        return window_key(reading.window_ms(length), length)

    def _keys(self, readings: Iterable[Reading]) -> list[str]:
        return [LATEST, *dict.fromkeys(self._window_key(reading) for reading in self._kept(readings))]

    def _fold(self, readings: Sequence[Reading], states: _States) -> Result:
        thing, measures = readings[0].thing, self._environment.measures
        # Without windows nothing is kept that could be too late, or counted twice.
        retention, kept = self._environment.window_retention_ms or 0, self._kept(readings)
        changed: dict[str, int] = {}
        duplicates = 0
        for reading in kept:
            key = self._window_key(reading)
            if fold_window(states[key], reading, measures):
                changed[key] = (reading.window_ms(self._environment.window_ms) + retention) // 1000
            else:
                duplicates += 1
        for key, expires_at in changed.items():
            self._store.write(thing, key, states[key], expires_at=expires_at)
        latest = states[LATEST]
        thresholds = self._environment.thresholds
        if any([fold_latest(latest, reading, thresholds) for reading in readings]):  # noqa: C419 - every one is folded
            self._store.write(thing, LATEST, latest)
        if latest.get("outbox"):
            # Written before they are published: whatever happens in between, the next try finds and publishes them.
            self._alerts.publish(latest["outbox"])
            self._store.write(thing, LATEST, latest | {"outbox": []})
        return Result(duplicates=duplicates, too_late=len(readings) - len(kept) if retention else 0)


def _may_pass(error: Exception) -> bool:
    """Whether the same work may succeed later."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] not in PERMANENT
    return isinstance(error, BotoCoreError | TimeoutError)
