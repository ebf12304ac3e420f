"""The boards beside each other: what the judge finds is what their pages and their drills say."""

import pytest

from cdp_constructs.judge.judgement import Judgement
from cdp_constructs.testing import Synthesis
from stacks.dojo.gallery import BOARDS, CHAT, PAGE, judged, page_with_tables
from tests.stacks.chat.architectures import two_regions
from tests.stacks.dojo.architectures import boards

INFINITE = float("inf")


@pytest.fixture(scope="module")
def found(synthesis: Synthesis) -> dict[str, Judgement]:
    dojo, chat = synthesis(boards).assembly, synthesis(two_regions).assembly
    return {**{board: judged(dojo, exhibit) for board, exhibit in BOARDS.items()}, "C": judged(chat, CHAT)}


def stops(judgement: Judgement, wish: str) -> dict[str, float]:
    [one] = [one for one in judgement.wishes if one.wish.name == wish]
    return {outcome.loss: outcome.seconds for outcome in one.outcomes}


def test_page(found: dict[str, Judgement], pytestconfig: pytest.Config) -> None:
    expected = page_with_tables(PAGE.read_text(), found)
    if pytestconfig.getoption("update_snapshots"):
        PAGE.write_text(expected)
    assert PAGE.read_text() == expected, "the gallery is stale: run `make pages`"


def test_one_server_and_one_database_are_found(found: dict[str, Judgement]) -> None:
    assert found["D2"].single == [
        ("After6/Database", "one instance"),
        ("After6/Server/Service/Service", "one instance"),
    ]
    assert stops(found["D2"], "send a message")["zone"] == INFINITE


def test_a_standby_takes_over_within_a_minute(found: dict[str, Judgement]) -> None:
    assert stops(found["D3"], "send a message") == {"instance": 60, "zone": 60, "Region": INFINITE}


def test_a_queue_takes_the_database_out_of_the_way_of_sending(found: dict[str, Judgement]) -> None:
    assert stops(found["D6"], "send a message") == {"instance": 0, "zone": 0, "Region": INFINITE}
    assert stops(found["D6"], "read it")["instance"] == 60


def test_the_nearest_region_answers_from_data_that_is_far_away(found: dict[str, Judgement]) -> None:
    [tokyo] = [one for one in found["D8"].distances if one.city == "Tokyo"]
    assert (tokyo.entry, round(tokyo.to_entry)) == ("ap-northeast-1", 0)
    assert tokyo.to_data > 150
    assert stops(found["D8"], "send a message")["Region"] == INFINITE


def test_the_chat_goes_on_without_a_region(found: dict[str, Judgement]) -> None:
    region = stops(found["C"], "send a message")["Region"]
    brief = found["C"].brief
    assert brief is not None
    assert 0 < region <= brief.recovery_seconds
    assert found["C"].single == []


def test_what_was_measured_is_no_slower_than_what_aws_publishes(found: dict[str, Judgement]) -> None:
    outcomes = [one for board in found.values() for wish in board.wishes for one in wish.outcomes]
    measured = [one for one in outcomes if one.measured is not None]
    assert len(measured) >= 7
    assert [one for one in measured if (one.measured or 0) > one.seconds] == []
