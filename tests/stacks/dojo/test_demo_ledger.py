"""What the demonstration of the boards counts: each of its figures can be other than zero."""

import time

from demo.dojo.ledger import Answer, Ledger, Watch


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
