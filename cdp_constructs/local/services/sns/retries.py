"""SNS: a delivery to a queue that does not answer is retried by AWS's own schedule, 100,015 times over 23 days.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html: for SQS it is not to be changed. A queue
does not answer while a fault of SQS is injected in its Region (`faults`: a 5xx or throttling), and while one of the two
Regions is cut off from the other. A queue that is gone, or refuses the topic, is an error of the client: nothing is
retried. AWS adds jitter, which is left out here, and does not say what becomes of a message whose dead-letter queue
does not answer at the end: here it is lost, and counted as `NumberOfNotificationsFailedToRedriveToDlq`.

`POST /_cdp/sns/retries/advance` with `seconds` lets time pass for retries alone, so that 23 days are over at once; what
is due meanwhile is tried as things are now. `GET /_cdp/sns/retries?region=…` lists what waits for a queue of a Region.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.faults import fault_of
from cdp_constructs.local.kit.isolation import is_isolated
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.ticking import Ticking

__all__ = ["TRIES", "answers", "hold", "is_behind", "seconds_before"]

_responses: Any = ministack.module("core.responses", "request_scope")

_AT_ONCE, _PRE_BACKOFF, _BACKOFF, _POST_BACKOFF = 3, 2, 10, 100_000
_SHORTEST, _LONGEST = 1.0, 20.0
TRIES = _AT_ONCE + _PRE_BACKOFF + _BACKOFF + _POST_BACKOFF
"""How often a delivery is retried."""

_LOOK_EVERY = 0.5
_SERVER_ERRORS = 500
_THROTTLING = ("Throttl", "TooManyRequests", "RequestLimit")


@dataclass
class _Delivery:
    """A message on its way to one queue."""

    topic_arn: str
    queue_arn: str
    group: str
    """Of a FIFO topic: what is behind it waits, too."""
    deliver: Callable[[], None]
    give_up: Callable[[], None]
    tries: int = 0
    due: float = 0.0


_waiting: list[_Delivery] = []
_ahead = [0.0]
"""By how many seconds retries are ahead of the machine."""


def seconds_before(retry: int) -> float:
    """Return how long SNS waits before a retry, counted from 1, after the one before it."""
    if retry <= _AT_ONCE:
        return 0.0
    if retry <= _AT_ONCE + _PRE_BACKOFF:
        return _SHORTEST
    step = min(retry - _AT_ONCE - _PRE_BACKOFF, _BACKOFF) - 1
    return float(_SHORTEST * (_LONGEST / _SHORTEST) ** (step / (_BACKOFF - 1)))


def answers(topic_arn: str, queue_arn: str) -> bool:
    """Whether SQS answers to SNS in the queue's Region, whatever it answers."""
    here, there = topic_arn.split(":")[3], queue_arn.split(":")[3]
    if here != there and (is_isolated(here) or is_isolated(there)):
        return False
    fault = fault_of("sqs", there, "SendMessage")
    return fault is None or not (fault.status >= _SERVER_ERRORS or fault.error.startswith(_THROTTLING))


def is_behind(queue_arn: str, group: str) -> bool:
    """Whether something of the same group waits for the queue."""
    return bool(group) and any((one.queue_arn, one.group) == (queue_arn, group) for one in _waiting)


def hold(
    topic_arn: str, queue_arn: str, *, group: str, deliver: Callable[[], None], give_up: Callable[[], None]
) -> None:
    """Keep a message for its retries.

    Args:
        topic_arn: The topic.
        queue_arn: The queue that does not answer.
        group: The message group; empty for a standard topic.
        deliver: Delivers it, to a queue that answers.
        give_up: Puts it into the dead-letter queue of the subscription.
    """
    delivery = _Delivery(topic_arn, queue_arn, group, deliver, give_up, due=_now())
    ahead = [one for one in _waiting if group and (one.queue_arn, one.group) == (queue_arn, group)]
    if ahead:
        delivery.tries, delivery.due = ahead[-1].tries, ahead[-1].due
    else:
        _plan(delivery)
    _waiting.append(delivery)


def _now() -> float:
    return time.time() + _ahead[0]


def _plan(delivery: _Delivery) -> bool:
    """Let the next retry be due; False when there is none left."""
    delivery.tries += 1
    delivery.due += seconds_before(delivery.tries)
    return delivery.tries <= TRIES


def _retry() -> None:
    """Try what is due."""
    now = _now()
    for delivery in sorted(_waiting, key=lambda one: one.due):
        if delivery.due > now:
            break
        if answers(delivery.topic_arn, delivery.queue_arn):
            _end(delivery, delivery.deliver)
        elif not _fail_until(delivery, now):
            _end(delivery, delivery.give_up)


def _fail_until(delivery: _Delivery, now: float) -> bool:
    """Let all retries fail that are due by now, as nothing changes meanwhile; False when none is left."""
    while delivery.due <= now:
        if seconds_before(delivery.tries) == _LONGEST:
            # These are the 100,000 that are all alike.
            failed = min(math.floor((now - delivery.due) / _LONGEST), TRIES - delivery.tries)
            delivery.tries += failed
            delivery.due += failed * _LONGEST
        if not _plan(delivery):
            return False
    return True


def _end(delivery: _Delivery, action: Callable[[], None]) -> None:
    _waiting.remove(delivery)
    _, _, _, region, account, _ = delivery.topic_arn.split(":")
    with _responses.request_scope(account, region):
        action()


def _forget() -> None:
    _waiting.clear()
    _ahead[0] = 0.0


retrying = Ticking("sns-retries", every=_LOOK_EVERY, action=_retry, needed=lambda: bool(_waiting), ended=_forget)


@patch("ministack.services.sns:reset")
def _reset(original: Callable[[], None]) -> None:
    original()
    _waiting.clear()


@route("POST", "sns/retries/advance")
def _advance(request: Mapping[str, Any]) -> Mapping[str, Any]:
    seconds = float(request["seconds"])
    if not seconds > 0:
        raise AdminError(f"seconds is {seconds:g}; give more than 0")
    _ahead[0] += seconds
    _retry()
    return {"waiting": len(_waiting)}


@route("GET", "sns/retries")
def _list(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "deliveries": [
            {"topic": one.topic_arn, "queue": one.queue_arn, "tries": one.tries, "seconds": one.due - _now()}
            for one in _waiting
            if one.queue_arn.split(":")[3] == request["region"]
        ]
    }
