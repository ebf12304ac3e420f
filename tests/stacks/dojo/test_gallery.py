"""The boards beside each other: what the judge finds is what their pages and their drills say."""

import pytest

from cdp_constructs.judge.judgement import Judgement
from cdp_constructs.testing import Synthesis
from stacks.dojo.gallery import (
    EXHIBITS,
    PAGE,
    compared,
    judge_all,
    measured_drills,
    page_with_tables,
    pictures,
)
from tests.stacks.chat.architectures import two_regions
from tests.stacks.dojo.architectures import boards

INFINITE = float("inf")


@pytest.fixture(scope="module")
def found(synthesis: Synthesis) -> dict[str, Judgement]:
    return judge_all(synthesis(boards).assembly, synthesis(two_regions).assembly)


def stops(judgement: Judgement, wish: str) -> dict[str, float]:
    [one] = [one for one in judgement.wishes if one.wish.name == wish]
    return {outcome.loss: outcome.seconds for outcome in one.outcomes}


def test_page(found: dict[str, Judgement], pytestconfig: pytest.Config) -> None:
    expected = {PAGE: page_with_tables(PAGE.read_text(), found), **pictures(found)}
    if pytestconfig.getoption("update_snapshots"):
        for file, text in expected.items():
            file.write_text(text)
    stale = [file.name for file, text in expected.items() if not file.exists() or file.read_text() != text]
    assert stale == [], "run `make pages`"


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


def test_larger_servers_are_the_end_of_a_board_that_adds_none(found: dict[str, Judgement]) -> None:
    [quota] = found["D7"].quotas[:1]
    assert quota.name.startswith("Ichinensei/Servers")
    assert found["D7"].single == []
    assert stops(found["D7"], "get a file") == {"instance": 0, "zone": 0, "Region": INFINITE}


def test_the_nearest_region_answers_from_data_that_is_far_away(found: dict[str, Judgement]) -> None:
    [tokyo] = [one for one in found["D8"].distances if one.city == "Tokyo"]
    assert (tokyo.entry, round(tokyo.to_entry)) == ("ap-northeast-1", 0)
    assert tokyo.to_data > 150
    assert stops(found["D8"], "send a message")["Region"] == INFINITE


def test_a_replica_in_each_region_is_near_and_who_signs_in_needs_the_first_one(found: dict[str, Judgement]) -> None:
    assert {one.city: one.entry for one in found["D1"].distances if one.city in {"Tokyo", "London", "New York"}} == {
        "Tokyo": "ap-northeast-1",
        "London": "eu-central-1",
        "New York": "us-east-1",
    }
    assert max(one.to_data for one in found["D1"].distances) < max(one.to_data for one in found["D8"].distances)
    assert 0 < stops(found["D1"], "read it")["Region"] < INFINITE
    assert stops(found["D1"], "sign in with the app")["Region"] == INFINITE


def test_the_chat_goes_on_without_a_region(found: dict[str, Judgement]) -> None:
    region = stops(found["C"], "send a message")["Region"]
    brief = found["C"].brief
    assert brief is not None
    assert 0 < region <= brief.recovery_seconds
    assert found["C"].single == []


def test_what_was_measured_is_what_the_templates_say_or_it_is_said_why(found: dict[str, Judgement]) -> None:
    differences = [one for one in compared(found) if one.outcome.differs]
    unexplained = [
        f"{one.board}: {one.outcome.wish}, {one.outcome.loss}: {one.outcome.seconds} s by the templates, "
        f"{one.outcome.measured} s measured"
        for one in differences
        if not one.reason
    ]
    assert unexplained == []


def test_of_a_board_that_was_measured_each_loss_is_known(found: dict[str, Judgement]) -> None:
    drills = measured_drills()
    assert {"D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10", "C"} <= drills.keys() <= EXHIBITS.keys()
    for board, done in drills.items():
        assert "Region" in {one.lost for one in done}, board
        compared_with = {one.outcome.loss for one in compared(found) if one.board == board}
        assert compared_with == {one.lost for one in done}, f"run `make dojo BOARD={board.lower()} WRITE=1`"
