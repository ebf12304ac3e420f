"""The arithmetic of a million people, and the page that has it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cdp_constructs.estimates import first_reached
from demo.chat.scale import answers, recovery
from stacks.chat.scale import Crowd, monthly_cost, quotas
from stacks.chat.scale.costs import AT_REST, AT_REST_OF_A_REGION
from stacks.chat.scale.page import PAGE, page_with_tables

CROWD = Crowd()


def test_the_page_has_the_tables_of_the_default_crowd() -> None:
    assert PAGE.read_text() == page_with_tables(), "run python -m stacks.chat.scale --write"


def test_the_first_quota_that_a_growing_chat_reaches_is_that_of_mails_a_day() -> None:
    first = first_reached(quotas(CROWD), CROWD.people)
    assert first.name == "SES: mails in 24 hours"
    # A fifth stays free: 40,000 people who get a mail a day.
    assert first.reached_at(CROWD.people) == pytest.approx(40_000)
    assert first.ask_for == pytest.approx(1_500_000)


def test_a_quota_that_fits_is_reached_beyond_the_crowd_and_another_one_before() -> None:
    for quota in quotas(CROWD):
        assert quota.fits == (quota.reached_at(CROWD.people) >= CROWD.people)
        assert quota.ask_for >= quota.needed


def test_the_requests_that_cannot_be_raised_suffice_for_a_million_and_not_for_three() -> None:
    def requests(people: int) -> bool:
        (quota,) = (one for one in quotas(replace(CROWD, people=people)) if one.name.startswith("HTTP API"))
        return quota.fits

    assert requests(1_000_000)
    assert not requests(3_000_000)


def test_heartbeats_are_more_than_half_of_the_requests() -> None:
    assert CROWD.a_second(CROWD.open_minutes_a_day) > CROWD.requests / 2


def test_costs_grow_with_what_people_do_and_with_nothing_else() -> None:
    usual = monthly_cost(CROWD)
    chatty = monthly_cost(replace(CROWD, messages_a_day=20))
    assert {item for item in usual if chatty[item] != usual[item]} == {
        "API: answers",
        "API: function",
        "API: requests",
        "Fan-out: topic, queues, consumers",
        "Live: events",
        "Logs",
        "Table: a month of messages",
        "Table: copies to other Regions",
        "Table: messages",
        "Table: reads",
        "Traces",
    }
    assert sum(monthly_cost(replace(CROWD, regions=3)).values()) > sum(usual.values())
    assert monthly_cost(replace(CROWD, people=10_000))["Sign-in"] == 0


def test_options_save_what_the_page_says_by_hand() -> None:
    usual, quiet = monthly_cost(CROWD), monthly_cost(replace(CROWD, typing_notices=False))
    # 42 events a day of each person, of which 20 are about typing, to ten who watch and two Regions.
    assert usual["Live: events"] - quiet["Live: events"] == pytest.approx(1e6 * 30 * 20 * 12 / 1e6)
    assert usual["API: requests"] - quiet["API: requests"] == pytest.approx(1e6 * 30 * 20 / 1e6)
    assert quiet["Sign-in"] == usual["Sign-in"]
    lite = monthly_cost(replace(CROWD, sign_in_plan="lite"))
    assert {item for item in usual if lite[item] != usual[item]} == {"Sign-in"}
    assert lite["Sign-in"] == pytest.approx(90_000 * 0.0055 + 900_000 * 0.0046)
    assert monthly_cost(replace(CROWD, people=10_000, sign_in_plan="lite"))["Sign-in"] == 0


def test_events_of_a_room_seldom_come_within_a_second() -> None:
    # 42 events a day of each of ten people, three times the mean in the busiest hour.
    assert CROWD.events_together == pytest.approx(42 * 10 * 3 / 86_400, rel=0.01)


def test_the_demonstration_ends_with_recovery_quota_and_cost() -> None:
    assert recovery() == "752 of 3,600 s, computed"
    assert [answer.question for answer in answers()] == ["Recovery", "First quota to be reached", "Cost"]
    assert "40,000 people" in answers()[1].answer


def test_what_rests_costs_what_the_cards_say() -> None:
    folder = Path(__file__).parent / "__snapshots__" / "test_stacks"

    def at_rest(stack: str) -> float:
        card = (folder / f"test_card[{stack}].txt").read_text()
        (line,) = re.findall(r"^costs at rest\n  \$([\d.,]+) a month", card, re.MULTILINE)
        return float(line)

    assert at_rest("Chat-us-west-2") == at_rest("Chat-ap-northeast-1") == pytest.approx(AT_REST_OF_A_REGION)
    shared = sum(at_rest(stack) for stack in ("ChatEdge", "ChatGlobal", "ChatWeb", "ChatWebCopy"))
    assert shared == pytest.approx(AT_REST)
