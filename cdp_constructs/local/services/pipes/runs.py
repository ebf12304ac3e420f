"""EventBridge Pipes: sources are read, filtered, enriched and delivered, with retries, under the role of the pipe.

MiniStack reads DynamoDB streams only, reaches topics and state machines only, and keeps no parameters of a pipe.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.iam import sessions
from cdp_constructs.local.services.pipes import sources, targets
from cdp_constructs.local.services.pipes.templates import opened

_concurrency: Any = ministack.module("core.concurrency", "spawn_background")
_lambda: Any = ministack.module("services.lambda_svc", "_match_esm_filter")
_pipes: Any = ministack.module("services.pipes", "_iter_all_pipes", "_pipes")
_responses: Any = ministack.module("core.responses", "request_scope")

_logger = logging.getLogger(__name__)
_KEPT = ("SourceParameters", "TargetParameters", "Enrichment", "EnrichmentParameters", "LogConfiguration")
_OF_STREAMS = ("KinesisStreamParameters", "DynamoDBStreamParameters")
_FOREVER, _LONGEST_PAUSE = -1, 30.0
_in_progress: set[str] = set()


# --- what MiniStack does not keep -----------------------------------------------------------------------------------


def _keep(name: str, given: Mapping[str, Any]) -> None:
    _pipes._pipes[name] |= {key: given[key] for key in _KEPT if key in given}


@after("AWS::Pipes::Pipe")
def _parameters(name: str, properties: Properties, _attributes: Attributes) -> None:
    pipe = _pipes._pipes[name]
    for key in _KEPT:
        pipe.pop(key, None)
    _keep(name, properties)


@patch("ministack.services.pipes:_create_pipe")
def _create(original: Callable[..., Any], name: str, body: Mapping[str, Any]) -> Any:
    answer = original(name, body)
    if answer[0] < 400:  # noqa: PLR2004 - HTTP
        _keep(name, body)
    return answer


@patch("ministack.services.pipes:_update_pipe")
def _update(original: Callable[..., Any], name: str, body: Mapping[str, Any]) -> Any:
    answer = original(name, body)
    if answer[0] < 400:  # noqa: PLR2004 - HTTP
        _keep(name, body)
    return answer


@patch("ministack.services.pipes:_describe_response")
def _describe(original: Callable[..., dict[str, Any]], pipe: Mapping[str, Any]) -> dict[str, Any]:
    return original(pipe) | {key: pipe[key] for key in _KEPT if key in pipe}


# --- running --------------------------------------------------------------------------------------------------------


@dataclass
class _Progress:
    """The tries of the batch at the current position of a shard or queue."""

    tries: int = 0
    not_before: float = 0.0


_progress: dict[tuple[str, str], _Progress] = {}
"""By pipe, and queue or shard."""


@patch("ministack.services.pipes:_poll_once")
def _poll(_original: Callable[[], None]) -> None:
    """Start what each running pipe has to do, each on a thread of its own."""
    for account, region, pipe in _pipes._iter_all_pipes():
        if pipe.get("CurrentState") == "RUNNING" and pipe["Arn"] not in _in_progress:
            _in_progress.add(pipe["Arn"])
            _start(account, region, pipe)


def _start(account: str, region: str, pipe: Mapping[str, Any]) -> None:
    def run() -> None:
        try:
            with _responses.request_scope(account, region):
                more = True
                while more:
                    # All shards get their turn: whether there is more is asked when each has had its batch.
                    done = [_process(pipe, batch) for batch in sources.batches(pipe)]
                    more = any(done)
        except Exception as error:  # noqa: BLE001  # said in the log; read again at the next turn
            _logger.warning("the pipe %s does not read its source: %s", pipe["Name"], error)
        finally:
            _in_progress.discard(pipe["Arn"])

    _concurrency.spawn_background(run, thread_name="pipe")


def _process(pipe: Mapping[str, Any], batch: sources.Batch) -> bool:
    """Deliver a batch, and return whether all of it is done."""
    progress = _progress.setdefault((pipe["Arn"], batch.key), _Progress())
    if batch.ordered and progress.not_before > time.monotonic():
        return False
    every = range(len(batch.events))
    patterns = _patterns(pipe)
    meant = [place for place in every if _passes(patterns, batch.events[place])]
    try:
        failed = _deliver(pipe, batch, meant)
    except Exception as error:  # noqa: BLE001  # whatever the target answers, the batch is retried
        _logger.warning("the pipe %s does not deliver: %s", pipe["Name"], error)
        failed = set(meant)
    if not failed:
        batch.done(every)
        progress.tries = 0
        return True
    if not batch.ordered:  # a queue shows the others again, and moves them to its dead-letter queue
        batch.done([place for place in every if place not in failed])
        return False
    batch.done(range(min(failed)))
    _fail(pipe, batch, progress, min(failed))
    return False


def _deliver(pipe: Mapping[str, Any], batch: sources.Batch, places: Sequence[int]) -> set[int]:
    """Return the places of the events that failed."""
    if not places:
        return set()
    events = targets.enriched(pipe, [batch.events[place] for place in places])
    if not events:
        return set()
    reported = targets.deliver(pipe, events)
    return {place for place in places if batch.identities[place] in reported}


def _patterns(pipe: Mapping[str, Any]) -> list[Any]:
    filters = ((pipe.get("SourceParameters") or {}).get("FilterCriteria") or {}).get("Filters") or []
    return [json.loads(each["Pattern"]) if isinstance(each["Pattern"], str) else each["Pattern"] for each in filters]


def _passes(patterns: Sequence[Any], event: Any) -> bool:
    seen = opened(event) if patterns else event
    return not patterns or any(_lambda._match_esm_filter(seen, pattern) for pattern in patterns)


def _fail(pipe: Mapping[str, Any], batch: sources.Batch, progress: _Progress, first: int) -> None:
    """Try again later, or give up where the pipe limits the tries: what is left goes to its dead-letter queue."""
    given = pipe.get("SourceParameters") or {}
    settings: Mapping[str, Any] = next((given[name] for name in _OF_STREAMS if given.get(name)), {})
    limit = settings.get("MaximumRetryAttempts")
    progress.tries += 1
    if limit is None or int(limit) == _FOREVER or progress.tries <= int(limit):
        progress.not_before = time.monotonic() + min(2.0 ** (progress.tries - 1), _LONGEST_PAUSE)
        return
    progress.tries = 0
    left = range(first, len(batch.events))
    if arn := (settings.get("DeadLetterConfig") or {}).get("Arn"):
        _give_up(pipe, arn, [batch.identities[place] for place in left], int(limit) + 1)
    batch.done(left)


def _give_up(pipe: Mapping[str, Any], arn: str, identities: Sequence[str], tries: int) -> None:
    service, region = arn.split(":")[2:4]
    message = {
        "context": {"partialResourceArn": pipe["Arn"], "condition": "RetryAttemptsExhausted"},
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "approximateInvokeCount": tries,
        "source": {"arn": pipe["Source"], "sequenceNumbers": list(identities)},
    }
    client = sessions.client(service, pipe["RoleArn"], sources.session_of(pipe), region)
    if service == "sqs":
        client.send_message(QueueUrl=sessions.queue_url(arn), MessageBody=json.dumps(message))
    else:
        client.publish(TopicArn=arn, Message=json.dumps(message))
