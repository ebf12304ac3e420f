"""The load of a million users on each transport of Realtime Channels, and its cost: the figures of decision 0006.

Prices and quotas are those of `cdp_constructs.estimates`. The module imports nothing of the CDK, so that a notebook or
a test can use it: ``monthly_cost(APPSYNC_EVENTS, Load(users=50_000))``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from cdp_constructs.estimates import DAYS_A_MONTH, MILLION, Use, quota
from cdp_constructs.estimates import monthly_cost as cost_of

_SECONDS_A_DAY = 86_400


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
    price_of_messages: str
    """Name of the price."""
    price_of_connection_minutes: str
    """Name of the price."""
    keep_alives_per_hour: int
    """Messages that clients must send and receive to stay connected, beside those that the service does not charge."""


APPSYNC_EVENTS = Transport(
    name="AppSync Events",
    connections_per_second=int(quota("appsync.connects_a_second").value),
    deliveries_per_second=int(quota("appsync.events_out_a_second").value),
    longest_connection_hours=quota("appsync.connection_hours").value,
    largest_message_kb=int(quota("appsync.event_kb").value),
    multicast=True,
    metered_kb=5,
    price_of_messages="appsync.operations",
    price_of_connection_minutes="appsync.connection_minutes",
    keep_alives_per_hour=0,
)

# Posting to a connection is a request to API Gateway: all APIs of the account share 10,000 of them a second.
API_GATEWAY_WEBSOCKET = Transport(
    name="API Gateway WebSocket",
    connections_per_second=int(quota("api_gateway.websocket_connects_a_second").value),
    deliveries_per_second=int(quota("api_gateway.requests_a_second").value),
    longest_connection_hours=quota("api_gateway.websocket_connection_hours").value,
    largest_message_kb=int(quota("api_gateway.websocket_message_kb").value),
    multicast=False,
    metered_kb=32,
    price_of_messages="api_gateway.websocket_messages",
    price_of_connection_minutes="api_gateway.websocket_connection_minutes",
    # It closes after ten minutes of silence: a ping and its answer every nine.
    keep_alives_per_hour=2 * 7,
)


@dataclass(frozen=True)
class Load:
    """What users do. The defaults are a lively chat."""

    users: int = MILLION
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
        return self.users * self.messages_a_day * DAYS_A_MONTH

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
        return self.users * self.connected_hours_a_day * 60 * DAYS_A_MONTH

    @property
    def sessions(self) -> float:
        """Connections a month."""
        return self.users * self.sessions_a_day * DAYS_A_MONTH

    @property
    def subscriptions(self) -> float:
        """Subscriptions a month."""
        return self.sessions * self.subscriptions_a_session

    @property
    def deliveries_at_peak(self) -> float:
        """Messages to clients in the busiest second."""
        return self.delivered / DAYS_A_MONTH / _SECONDS_A_DAY * self.peak


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
    return cost_of(uses(transport, load)).parts


def uses(transport: Transport, load: Load) -> Iterator[Use]:
    """Return what a load uses in a month."""
    parts = ceil(load.message_kb / transport.metered_kb)
    messages = transport.price_of_messages
    yield Use("connection minutes", transport.price_of_connection_minutes, load.connection_minutes)
    yield Use("messages to clients", messages, load.delivered * parts)
    yield from _calls("membership checks", load.subscriptions, milliseconds=20, gigabytes=0.25)
    yield Use("membership checks", "dynamodb.reads", load.subscriptions)
    if transport.multicast:
        requests = load.sessions + load.subscriptions + load.published * parts
        yield Use("messages published, connections, subscriptions", messages, requests)
        yield from _calls("publisher", load.published / 5, milliseconds=25, gigabytes=0.5)
        return
    pings = load.connection_minutes / 60 * transport.keep_alives_per_hour
    # A subscription and its answer are a message each.
    yield Use("subscriptions, keep-alive", messages, load.subscriptions * 2 + pings)
    # Authorizer, connect and disconnect; each subscription; each ping.
    joining = "connections and subscriptions"
    yield from _calls(joining, load.sessions * 3 + load.subscriptions + pings / 2, milliseconds=10, gigabytes=0.5)
    # An item and its entry in the index, written and deleted.
    yield Use(joining, "dynamodb.writes", load.subscriptions * 4)
    # A query of a channel's connections (4 KB a unit, some 100 bytes an item), then a request to each: 5 ms of a CPU.
    yield from _calls("publisher", load.published, milliseconds=10 + 5 * load.receivers, gigabytes=1)
    yield Use("publisher", "dynamodb.reads", load.published * ceil(load.receivers * 0.1 / 4))


def _calls(part: str, number: float, *, milliseconds: float, gigabytes: float) -> Iterator[Use]:
    yield Use(part, "lambda.requests", number)
    yield Use(part, "lambda.arm_gigabyte_seconds", number * milliseconds / 1000 * gigabytes)
