"""The arithmetic behind decision 0006, by hand, and the page says what the arithmetic says."""

from dataclasses import replace
from pathlib import Path

import pytest

from cdp_constructs.realtime.transport_costs import (
    API_GATEWAY_WEBSOCKET,
    APPSYNC_EVENTS,
    Load,
    Transport,
    monthly_cost,
    most_receivers,
    reconnect_seconds,
    renewals_per_second,
)

PAGE = Path(__file__).parents[2] / "docs/decisions/0006-realtime-transports.md"
BOTH = (APPSYNC_EVENTS, API_GATEWAY_WEBSOCKET)
MILLION = 1_000_000


def test_a_million_users_reconnect_in_minutes_or_in_half_an_hour() -> None:
    assert reconnect_seconds(APPSYNC_EVENTS, MILLION) == 500
    assert reconnect_seconds(API_GATEWAY_WEBSOCKET, MILLION) == 2_000


def test_connections_end_by_age() -> None:
    assert renewals_per_second(APPSYNC_EVENTS, 86_400) == 1
    assert renewals_per_second(API_GATEWAY_WEBSOCKET, 7_200) == 1


def test_a_load_adds_up() -> None:
    load = Load(users=1_000, connected_hours_a_day=2, messages_a_day=10, receivers=5, sessions_a_day=4, peak=2)
    assert load.published == 300_000
    assert load.delivered == 1_500_000
    assert load.connection_minutes == 3_600_000
    assert load.connected_at_once == pytest.approx(83.33, abs=0.01)
    assert load.sessions == 120_000
    assert load.subscriptions == 360_000
    assert load.deliveries_at_peak == pytest.approx(1_500_000 / 30 / 86_400 * 2)


def test_prices_are_by_million() -> None:
    load = Load()
    appsync, gateway = (monthly_cost(transport, load) for transport in BOTH)
    assert appsync["connection minutes"] == pytest.approx(2_700 * 0.08)
    assert gateway["connection minutes"] == pytest.approx(2_700 * 0.25)
    assert appsync["messages to clients"] == gateway["messages to clients"] == 9_000
    assert appsync["messages published, connections, subscriptions"] == pytest.approx(180 + 540 + 600)
    # 1,080 million subscription messages, and 14 an hour for each of 45 million connection hours.
    assert gateway["subscriptions, keep-alive"] == pytest.approx(1_080 + 630)


def test_a_message_counts_once_for_each_begun_part() -> None:
    for transport, kilobytes, factor in ((APPSYNC_EVENTS, 6, 2), (API_GATEWAY_WEBSOCKET, 6, 1)):
        small, large = (
            monthly_cost(transport, Load(message_kb=size))["messages to clients"] for size in (1, kilobytes)
        )
        assert large == factor * small


@pytest.mark.parametrize("transport", BOTH, ids=lambda transport: transport.name)
def test_cost_grows_with_each_kind_of_use(transport: Transport) -> None:
    base = sum(monthly_cost(transport, Load()).values())
    for more in (
        replace(Load(), users=2 * MILLION),
        replace(Load(), receivers=30),
        replace(Load(), messages_a_day=40),
        replace(Load(), connected_hours_a_day=3),
        replace(Load(), sessions_a_day=12),
    ):
        assert sum(monthly_cost(transport, more).values()) > base


def test_without_multicast_the_account_limits_the_members_of_a_channel() -> None:
    assert most_receivers(APPSYNC_EVENTS, Load()) == pytest.approx(1_080)
    assert most_receivers(API_GATEWAY_WEBSOCKET, Load()) == pytest.approx(10.8)
    # The default load has 15.
    assert Load().deliveries_at_peak > API_GATEWAY_WEBSOCKET.deliveries_per_second


def _rows() -> list[str]:
    load = Load()
    costs = [monthly_cost(transport, load) for transport in BOTH]
    names = dict.fromkeys(name for cost in costs for name in cost)

    def row(what: str, *values: str) -> str:
        return f"| {what} | {' | '.join(values)} |"

    return [
        row("new connections a second", *(f"{transport.connections_per_second:,}" for transport in BOTH)),
        row(
            "all 1,000,000 back after an outage",
            *(f"{reconnect_seconds(transport, MILLION):,.0f} s" for transport in BOTH),
        ),
        row(
            "renewals a second of 1,000,000 that never leave",
            *(f"{renewals_per_second(transport, MILLION):,.0f}" for transport in BOTH),
        ),
        row("messages to clients a second", *(f"{transport.deliveries_per_second:,}" for transport in BOTH)),
        row(
            "most connected members of an average channel",
            *(f"{most_receivers(transport, load):,.0f}" for transport in BOTH),
        ),
        row("multicast", *("yes" if transport.multicast else "no" for transport in BOTH)),
        row("longest connection", *(f"{transport.longest_connection_hours:g} h" for transport in BOTH)),
        row("largest message", *(f"{transport.largest_message_kb} KB" for transport in BOTH)),
        *(row(name, *(f"${cost[name]:,.0f}" if name in cost else "none" for cost in costs)) for name in names),
        row("**together**", *(f"**${sum(cost.values()):,.0f}**" for cost in costs)),
    ]


@pytest.mark.parametrize("row", _rows())
def test_the_decision_record_has_these_numbers(row: str) -> None:
    assert row in PAGE.read_text().splitlines()
