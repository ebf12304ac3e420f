"""What the module `queue_worker` does with jobs, without a queue of AWS; with one: tests/behaviour/servers."""

import itertools
import threading
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs.testing import eventually
from queue_worker import Job, Queue, ReturnedJob, Turns, Worker, pause_after
from queue_worker.protection import Protection

WEIGHTS = st.dictionaries(st.sampled_from("abcd"), st.integers(min_value=1, max_value=20), min_size=1)


@given(WEIGHTS, st.integers(min_value=1, max_value=5))
def test_queues_with_jobs_get_the_share_of_their_weight(weights: dict[str, int], rounds: int) -> None:
    turns, total = Turns(weights), sum(weights.values())
    had: Counter[str] = Counter()
    for _ in range(total * rounds):
        name = turns.order()[0]
        turns.had_job(name)
        had[name] += 1
    assert had == {name: weight * rounds for name, weight in weights.items()}


@given(WEIGHTS, st.lists(st.sets(st.sampled_from("abcd")), min_size=1, max_size=60))
def test_no_queue_with_jobs_starves_whatever_the_others_do(weights: dict[str, int], empty: list[set[str]]) -> None:
    """The queue with the lowest weight always has jobs; the others have some now and then."""
    turns, total = Turns(weights), sum(weights.values())
    lightest = min(weights, key=lambda name: weights[name])
    since = 0
    for without in itertools.islice(itertools.cycle(empty), total * 4):
        for name in turns.order():
            if name != lightest and name in without:
                turns.was_empty(name)
                continue
            turns.had_job(name)
            since = 0 if name == lightest else since + 1
            break
        assert since <= total + len(weights)


@given(WEIGHTS)
def test_a_queue_that_was_empty_has_saved_up_nothing(weights: dict[str, int]) -> None:
    turns, total = Turns(weights), sum(weights.values())
    first = min(weights)
    for _ in range(50):
        asked = turns.order()
        for name in asked:
            if name == first:
                turns.was_empty(name)
                continue
            turns.had_job(name)
            break
    had = Counter[str]()
    for _ in range(total):
        name = turns.order()[0]
        turns.had_job(name)
        had[name] += 1
    assert had[first] <= weights[first] + 1


@given(st.integers(min_value=-1, max_value=10_000))
def test_pauses_grow_and_stay_within_what_sqs_takes(receives: int) -> None:
    assert 10 <= pause_after(receives) <= pause_after(receives + 1) <= 900


class _Sqs:
    """A queue for each address, with what was done to their messages."""

    def __init__(self, **bodies: list[str]) -> None:
        numbers = itertools.count()
        self.waiting = {url: [(str(next(numbers)), body) for body in texts] for url, texts in bodies.items()}
        self.deleted: list[str] = []
        self.visibility: list[tuple[str, int]] = []
        self.fails = False

    def receive_message(self, **request: Any) -> dict[str, Any]:
        messages = self.waiting[request["QueueUrl"]]
        if not messages:
            time.sleep(0.01)
            return {}
        number, body = messages.pop(0)
        attributes = {"ApproximateReceiveCount": "3"}
        return {"Messages": [{"MessageId": number, "ReceiptHandle": number, "Body": body, "Attributes": attributes}]}

    def delete_message(self, **request: Any) -> None:
        self.deleted.append(request["ReceiptHandle"])

    def change_message_visibility(self, **request: Any) -> None:
        if self.fails:
            raise ConnectionError("no way to SQS")
        self.visibility.append((request["ReceiptHandle"], request["VisibilityTimeout"]))


def run(worker: Worker) -> threading.Thread:
    """Run a worker in a thread, where signals cannot be set."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("queue_worker.worker.signal.signal", lambda *_: None)
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        time.sleep(0.05)
    return thread


def ended(thread: threading.Thread) -> bool:
    thread.join(5)
    return not thread.is_alive()


def test_done_is_deleted_failed_comes_later_and_returned_at_once() -> None:
    sqs = _Sqs(a=["good", "bad", "later"])

    def handler(job: Job) -> None:
        if job.body == "bad":
            raise ValueError("poison")
        if job.body == "later":
            raise ReturnedJob

    worker = Worker([Queue("a", "a")], handler, sqs=sqs)
    thread = run(worker)
    eventually(lambda: len(sqs.visibility) == 2, within=5)
    worker.stop()
    assert ended(thread)
    assert sqs.deleted == ["0"]
    assert sqs.visibility == [("1", pause_after(3)), ("2", 0)]


def test_both_queues_are_worked_off_by_weight() -> None:
    sqs = _Sqs(urgent=["u"] * 30, bulk=["b"] * 30)
    order: list[str] = []
    queues = [Queue("urgent", "urgent", weight=3), Queue("bulk", "bulk", weight=1)]
    worker = Worker(queues, lambda job: order.append(job.body), sqs=sqs)
    thread = run(worker)
    eventually(lambda: len(order) == 60, within=10)
    worker.stop()
    assert ended(thread)
    assert Counter(order[:40]) == {"u": 30, "b": 10}
    assert order[40:] == ["b"] * 20


def test_a_job_that_finishes_in_time_is_not_returned_when_the_task_stops() -> None:
    sqs = _Sqs(a=["long", "next"])
    may_end = threading.Event()
    worker = Worker([Queue("a", "a")], lambda _job: may_end.wait(5), sqs=sqs, stop_seconds=5)
    thread = run(worker)
    eventually(lambda: len(sqs.waiting["a"]) == 1, within=5)
    worker.stop()
    may_end.set()
    assert ended(thread)
    assert (sqs.deleted, sqs.visibility) == (["0"], [])
    assert len(sqs.waiting["a"]) == 1  # no further job was received


def test_a_job_that_does_not_finish_is_returned_once_and_never_deleted() -> None:
    sqs = _Sqs(a=["endless"])
    may_end = threading.Event()
    seen: list[Job] = []

    def handler(job: Job) -> None:
        seen.append(job)
        may_end.wait(10)

    worker = Worker([Queue("a", "a")], handler, sqs=sqs, stop_seconds=0.2)
    thread = run(worker)
    eventually(lambda: bool(seen), within=5)
    worker.stop()
    assert ended(thread)
    assert seen[0].is_stopping
    assert sqs.visibility == [("0", 0)]
    may_end.set()
    time.sleep(0.1)
    assert (sqs.deleted, sqs.visibility) == ([], [("0", 0)])


def job_of(sqs: _Sqs, now: list[float], seconds: int = 60) -> Job:
    message = sqs.receive_message(QueueUrl="a")["Messages"][0]
    return Job(Queue("a", "a", visibility_seconds=seconds), message, sqs, threading.Event(), lambda: now[0])


def test_a_job_is_renewed_when_half_of_its_time_has_passed() -> None:
    sqs, now = _Sqs(a=["x"]), [0.0]
    job = job_of(sqs, now)
    for seconds in (29, 30, 59, 60, 61):
        now[0] = seconds
        job.renew()
    assert sqs.visibility == [("0", 60), ("0", 60)]
    job.finish()
    now[0] = 1000
    job.renew()
    assert len(sqs.visibility) == 2


def test_a_job_that_another_worker_may_have_is_not_deleted() -> None:
    sqs, now = _Sqs(a=["x"]), [0.0]
    job = job_of(sqs, now)
    sqs.fails, now[0] = True, 31
    job.renew()
    assert job.is_lost
    job.finish()
    assert sqs.deleted == []


def test_the_task_is_protected_while_it_is_needed_and_no_longer() -> None:
    calls: list[bool] = []
    now = [0.0]
    protection = Protection(calls.append, lambda: now[0])
    protection.set(False)
    assert calls == []
    for minute in range(0, 61, 10):
        now[0] = minute * 60
        protection.set(True)
    assert calls == [True, True, True]  # at the start, and each time half of the hour has passed
    protection.set(False)
    protection.set(False)
    assert calls == [True, True, True, False]


def test_a_job_runs_also_where_the_protection_cannot_be_set() -> None:
    def away(_enabled: bool) -> None:
        raise ConnectionRefusedError

    Protection(away).set(True)
