"""The arithmetic of the one-hour goal."""

import pytest

from stacks.chat import recovery


def test_a_million_people_are_back_within_the_hour_and_most_of_it_is_letting_them_in() -> None:
    by_name = {stage.name: stage.seconds for stage in recovery.stages()}
    assert by_name["Health checks fail"] == 90
    # 3,000,000 requests at 5,000/s; the connections, 500 s at 2,000/s, come beside them.
    assert by_name["1,000,000 clients reconnect"] == 600
    assert recovery.total_seconds() == pytest.approx(752)
    assert recovery.total_seconds() < recovery.GOAL_SECONDS


def test_over_api_gateway_s_websockets_the_connections_are_what_takes_the_time() -> None:
    slower = recovery.total_seconds(connections_per_second=recovery.WEBSOCKET_CONNECTIONS)
    assert slower == pytest.approx(2152)
    assert slower < recovery.GOAL_SECONDS


def test_signing_everybody_in_again_would_miss_the_goal() -> None:
    assert recovery.seconds_to_sign_in_again() == pytest.approx(8333, abs=1)
    assert recovery.seconds_to_sign_in_again() > 2 * recovery.GOAL_SECONDS


def test_fewer_people_are_back_sooner() -> None:
    assert recovery.total_seconds(10_000) < recovery.total_seconds(100_000) < recovery.total_seconds()
