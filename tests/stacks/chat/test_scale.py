"""The arithmetic of a million people, and the page that has it."""

from dataclasses import replace

import pytest

from demo.chat.scale import answers, recovery
from stacks.chat.scale import Crowd, monthly_cost, quotas
from stacks.chat.scale.page import PAGE, page_with_tables
from stacks.scale import first_reached

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
        "API: function",
        "API: requests",
        "Fan-out: topic, queues, consumers",
        "Live: events",
        "Table: a month of messages",
        "Table: messages",
        "Table: reads",
    }
    assert sum(monthly_cost(replace(CROWD, regions=3)).values()) > sum(usual.values())
    assert monthly_cost(replace(CROWD, people=10_000))["Sign-in"] == 0


def test_the_demonstration_ends_with_recovery_quota_and_cost() -> None:
    assert recovery() == "752 of 3,600 s, computed"
    assert [answer.question for answer in answers()] == ["Recovery", "First quota to be reached", "Cost"]
    assert "40,000 people" in answers()[1].answer
