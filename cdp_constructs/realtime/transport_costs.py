"""The load of a million users on each transport of Realtime Channels, and its cost: the figures of decision 0006.

Prices are list prices of us-east-1, quotas the default ones of a Region; both as of 2026-11. The module imports nothing
of the CDK, so that a notebook or a test can use it: ``monthly_cost(APPSYNC_EVENTS, Load(users=50_000))``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

_MILLION = 1_000_000
_SECONDS_A_DAY = 86_400
_DAYS_A_MONTH = 30

# Lambda on arm64, DynamoDB on demand.
_DOLLARS_PER_MILLION_CALLS = 0.20
_DOLLARS_PER_GB_SECOND = 0.0000133334
_DOLLARS_PER_MILLION_WRITES = 0.625
_DOLLARS_PER_MILLION_READS = 0.125


@dataclass(frozen=True)
class Transport:
    """Quotas and prices of one way to hold connections."""

    name: str
    connections_per_second: int
    """New connections that it takes (adjustable)."""
    deliveries_per_second: int
    """Messages that it sends to clients (adjustable)."""
    longest_connection_hours: float
    largest_message_kb: int
    multicast: bool
    """Whether one publish reaches every subscriber; otherwise each is sent to on its own."""
    metered_kb: int
    """A message is counted once for each part of this size, rounded up."""
    dollars_per_million_messages: float
    dollars_per_million_connection_minutes: float
    keep_alives_per_hour: int
    """Messages that clients must send and receive to stay connected, beside those that the service does not charge."""


# https://docs.aws.amazon.com/general/latest/gr/appsync.html, https://aws.amazon.com/appsync/pricing/
APPSYNC_EVENTS = Transport(
    name="AppSync Events",
    connections_per_second=2_000,
    deliveries_per_second=1_000_000,
    longest_connection_hours=24,
    largest_message_kb=240,
    multicast=True,
    metered_kb=5,
    dollars_per_million_messages=1.00,
    dollars_per_million_connection_minutes=0.08,
    keep_alives_per_hour=0,
)

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html, https://aws.amazon.com/api-gateway/pricing/
# Posting to a connection is a request to API Gateway: all APIs of the account share 10,000 of them a second.
API_GATEWAY_WEBSOCKET = Transport(
    name="API Gateway WebSocket",
    connections_per_second=500,
    deliveries_per_second=10_000,
    longest_connection_hours=2,
    largest_message_kb=128,
    multicast=False,
    metered_kb=32,
    dollars_per_million_messages=1.00,
    dollars_per_million_connection_minutes=0.25,
    # It closes after ten minutes of silence: a ping and its answer every nine.
    keep_alives_per_hour=2 * 7,
)


@dataclass(frozen=True)
class Load:
    """What users do. The defaults are a lively chat."""

    users: int = _MILLION
    """Users of the system, all served by one Region in the worst case."""
    connected_hours_a_day: float = 1.5
    """How long a user's client is connected."""
    sessions_a_day: float = 6
    """How often it connects."""
    subscriptions_a_session: float = 3
    messages_a_day: float = 20
    """Messages that a user sends."""
    receivers: float = 15
    """Connected members of the channel that a message goes to."""
    message_kb: float = 1
    peak: float = 4
    """The busiest second against the average one."""

    @property
    def published(self) -> float:
        """Messages a month."""
        return self.users * self.messages_a_day * _DAYS_A_MONTH

    @property
    def delivered(self) -> float:
        """Messages to clients a month."""
        return self.published * self.receivers

    @property
    def connected_at_once(self) -> float:
        """Connections in the average minute."""
        return self.users * self.connected_hours_a_day / 24

    @property
    def connection_minutes(self) -> float:
        """Minutes of all connections a month."""
        return self.users * self.connected_hours_a_day * 60 * _DAYS_A_MONTH

    @property
    def sessions(self) -> float:
        """Connections a month."""
        return self.users * self.sessions_a_day * _DAYS_A_MONTH

    @property
    def subscriptions(self) -> float:
        """Subscriptions a month."""
        return self.sessions * self.subscriptions_a_session

    @property
    def deliveries_at_peak(self) -> float:
        """Messages to clients in the busiest second."""
        return self.delivered / _DAYS_A_MONTH / _SECONDS_A_DAY * self.peak


def reconnect_seconds(transport: Transport, users: int) -> float:
    """Return how long it takes until all users are connected again after all connections were lost at once."""
    return users / transport.connections_per_second


def renewals_per_second(transport: Transport, connected: int) -> float:
    """Return how many connections of clients that never leave end by age and are replaced by new ones."""
    return connected / (transport.longest_connection_hours * 3600)


def most_receivers(transport: Transport, load: Load) -> float:
    """Return how many connected members a channel may have on average before the busiest second is too much."""
    return transport.deliveries_per_second / (load.deliveries_at_peak / load.receivers)


def monthly_cost(transport: Transport, load: Load) -> Mapping[str, float]:
    """Return what a load costs in dollars a month, by item. Data transfer and the fan-out before it are left out."""
    parts = ceil(load.message_kb / transport.metered_kb)
    check = _calls(load.subscriptions, milliseconds=20, gigabytes=0.25) + _reads(load.subscriptions)
    cost = {
        "connection minutes": load.connection_minutes / _MILLION * transport.dollars_per_million_connection_minutes,
        "messages to clients": load.delivered * parts / _MILLION * transport.dollars_per_million_messages,
        "membership checks": check,
    }
    if transport.multicast:
        requests = load.sessions + load.subscriptions + load.published * parts
        cost["messages published, connections, subscriptions"] = (
            requests / _MILLION * transport.dollars_per_million_messages
        )
        cost["publisher"] = _calls(load.published / 5, milliseconds=25, gigabytes=0.5)
        return cost
    pings = load.connection_minutes / 60 * transport.keep_alives_per_hour
    # A subscription and its answer are a message each.
    requests = load.subscriptions * 2 + pings
    cost["subscriptions, keep-alive"] = requests / _MILLION * transport.dollars_per_million_messages
    # Authorizer, connect and disconnect; each subscription; each ping.
    cost["connections and subscriptions"] = (
        _calls(load.sessions * 3 + load.subscriptions + pings / 2, milliseconds=10, gigabytes=0.5)
        # An item and its entry in the index, written and deleted.
        + load.subscriptions * 4 / _MILLION * _DOLLARS_PER_MILLION_WRITES
    )
    # A query of a channel's connections (4 KB a unit, some 100 bytes an item), then a request to each: 5 ms of a CPU.
    cost["publisher"] = _calls(load.published, milliseconds=10 + 5 * load.receivers, gigabytes=1) + _reads(
        load.published * ceil(load.receivers * 0.1 / 4)
    )
    return cost


def _calls(number: float, *, milliseconds: float, gigabytes: float) -> float:
    seconds = number * milliseconds / 1000
    return number / _MILLION * _DOLLARS_PER_MILLION_CALLS + seconds * gigabytes * _DOLLARS_PER_GB_SECOND


def _reads(number: float) -> float:
    return number / _MILLION * _DOLLARS_PER_MILLION_READS
