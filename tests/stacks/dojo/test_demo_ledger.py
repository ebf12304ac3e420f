"""What the demonstration of the boards counts: each of its figures can be other than zero."""

import asyncio
import ssl
import time
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from math import inf

import httpx
import pytest

from cdp_constructs.judge.brief import LOSSES
from demo.dojo.__main__ import drills_of
from demo.dojo.boards import BOARDS
from demo.dojo.faults import NOTHING, Allowed
from demo.dojo.ledger import Answer, Ledger, Said, Watch
from demo.dojo.people import Crowd
from demo.dojo.results import READS, SENDS, Measurement, with_measured
from demo.report import StepFailed
from stacks.dojo.gallery import EXHIBITS, MeasuredDrill


def message(identity: str, text: str, author: str = "ann") -> dict[str, str]:
    return {"id": identity, "author": author, "text": text}


def test_a_promised_message_that_is_not_there_is_lost() -> None:
    ledger = Ledger(promised={"1": "hello", "2": "world"})
    assert ledger.lost([message("1", "hello")]) == ["world"]
    assert ledger.lost([message("2", "world"), message("1", "hello")]) == []


def test_a_text_that_is_there_twice_is_doubled_and_two_people_may_say_the_same() -> None:
    history = [message("1", "hello"), message("2", "hello"), message("3", "hello", "ben")]
    assert Ledger.doubled(history) == ["ann: hello"]


def test_a_watch_looks_at_what_comes_after_it() -> None:
    ledger = Ledger()
    ledger.note("GET", time.monotonic(), "503")
    watch = Watch(ledger)
    assert watch.served_again == 0
    ledger.note("GET", time.monotonic(), None)
    assert watch.failed == []
    assert watch.told().startswith("0 of 1 requests failed")
    ledger.note("POST", time.monotonic(), "502")
    assert [one.failure for one in watch.failed] == ["502"]


def test_a_request_that_is_sent_again_has_not_failed_and_is_counted_apart() -> None:
    ledger = Ledger()
    watch = Watch(ledger)
    ledger.note("POST", time.monotonic(), "502", sent_again=True)
    ledger.note("POST", time.monotonic(), None)
    assert (watch.failed, watch.sent_again, len(watch.unanswered)) == ([], 1, 1)
    assert "0 of 1 requests failed, 1 were sent again (1 502)" in watch.told()
    assert Allowed(sent_again=1).allows(watch)
    assert not NOTHING.allows(watch)
    ledger.note("POST", time.monotonic(), "502")
    assert not Allowed(sent_again=1).allows(watch)
    assert Allowed(failed=1, sent_again=1).allows(watch)


def asked(*statuses: int, patience: float = 30) -> tuple[Watch, Sequence[httpx.Request]]:
    """Let somebody say something to a board that gives these answers, the last one again and again."""
    left, requests = list(statuses), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        status = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(status, json={"state": "stored", "number": 1})

    async def say() -> Watch:
        crowd = Crowd("https://board.test", "wss://board.test", ssl.create_default_context(), patience=patience)
        await crowd.http.aclose()
        crowd.http = httpx.AsyncClient(base_url=crowd.url, transport=httpx.MockTransport(answer))
        watch = Watch(crowd.ledger)
        try:
            await crowd.present[0].say("hello")
        except StepFailed:
            assert patience == 0
        finally:
            await crowd.leave()
        return watch

    return asyncio.run(say()), requests


def test_a_client_sends_a_message_again_with_the_same_id() -> None:
    watch, requests = asked(502, 201)
    assert (watch.failed, watch.sent_again) == ([], 1)
    assert len({request.read() for request in requests}) == 1
    assert len(requests) == 2


def test_a_client_gives_up_after_four_attempts_and_the_person_sends_it_again() -> None:
    watch, requests = asked(503, 503, 503, 503, 201)
    assert ([one.failure for one in watch.failed], watch.sent_again, len(requests)) == (["503"], 3, 5)
    watch, requests = asked(503, patience=0)
    assert (len(watch.failed), watch.sent_again, len(requests)) == (1, 3, 4)


@pytest.mark.parametrize("status", [201, 202])
def test_a_request_that_is_answered_is_sent_once(status: int) -> None:
    watch, requests = asked(status)
    assert (watch.unanswered, watch.sent_again, len(requests)) == ([], 0, 1)


def test_people_are_served_again_with_the_first_answer_after_the_last_failure() -> None:
    ledger = Ledger()
    watch = Watch(ledger)
    watch.began = 100.0
    for at, failure in ((101.0, "503"), (102.0, None), (103.0, "ConnectError"), (104.5, None), (106.0, None)):
        ledger.answers.append(Answer(at, 0.1, "GET", failure))
    assert watch.served_again == 4.5
    assert "2 of 5 requests failed" in watch.told()
    assert "served again after 4.5 s" in watch.told()


def test_it_is_calm_after_twenty_answers() -> None:
    ledger = Ledger()
    watch = Watch(ledger)
    for number in range(21):
        ledger.answers.append(Answer(float(number), 0.1, "GET", "503" if number == 0 else None))
        assert watch.calm == (number == 20)


def test_everybody_has_sent_and_received_again_when_the_last_of_them_has() -> None:
    ledger = Ledger()
    ledger.said = {"before": Said("ann", 1.0, 2.0), "of ann": Said("ann", 11.0, 12.0)}
    ledger.heard = {"before": {"ben": 10.5}, "of ann": {"ben": 12.5}}
    assert ledger.again(["ann", "ben"], since=10.0) is None
    ledger.said["of ben"] = Said("ben", 9.0, 13.0)
    assert ledger.again(["ann", "ben"], since=10.0) is None, "it was started before"
    ledger.said["of ben"] = Said("ben", 10.0, 13.0)
    ledger.heard["of ben"] = {"ben": 13.1}
    assert ledger.again(["ann", "ben"], since=10.0) is None, "ann has received nothing"
    ledger.heard["of ben"]["ann"] = 14.0
    assert ledger.again(["ann", "ben"], since=10.0) == 14.0
    assert ledger.slowest_delivery(since=10.0) == 1.0
    assert ledger.slowest_delivery(since=11.0) == 0.5


def test_a_wish_stops_until_the_first_answer_after_its_last_failure_or_for_its_slowest_answer() -> None:
    ledger = Ledger()
    watch = Watch(ledger)
    watch.began = 100.0
    for kind, at, seconds, failure in (
        ("POST", 99.0, 9.0, None),
        ("POST", 101.0, 0.5, None),
        ("GET", 102.0, 0.1, "503"),
        ("POST", 103.0, 0.7, None),
        ("GET", 104.5, 0.1, None),
    ):
        ledger.answers.append(Answer(at, seconds, kind, failure))
    assert watch.stopped("POST") == 0.7
    assert watch.stopped("GET") == 4.5


def test_what_was_measured_is_written_into_a_brief_that_stays_as_it_is() -> None:
    wish = 'entry = "a"\nstore = "b"\n'
    brief = f'# ours\npeople = 1_000\n[wishes."send a message"]  # the first\n{wish}[wishes.other]\n{wish}'
    drill = MeasuredDrill("A task is killed", "instance", 0, 2.0)
    measured = [
        Measurement(drill, {SENDS: 0.34, READS: 9.0}),
        Measurement(drill, {SENDS: 0.2, READS: 9.0}),
        Measurement(replace(drill, lost="zone"), {SENDS: inf, READS: inf}),
    ]
    written = with_measured(brief, measured)
    assert tomllib.loads(written)["wishes"]["send a message"]["measured"] == {"instance": 0.3, "zone": inf}
    assert "measured" not in tomllib.loads(written)["wishes"]["other"]
    assert "# ours\npeople = 1_000\n" in written
    assert with_measured(written, measured) == written


def test_every_board_that_is_played_is_in_the_gallery_and_loses_what_the_judge_knows() -> None:
    assert {key.upper() for key in BOARDS} == EXHIBITS.keys()
    for key, board in BOARDS.items():
        drills = drills_of(board, for_servers=False)
        assert {drill.lost for drill in drills} - {""} <= set(LOSSES), key
        assert "Region" in {drill.lost for drill in drills}, key
        assert not any(drill.servers_only for drill in drills), key
