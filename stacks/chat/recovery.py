"""How long the chat takes to serve everybody again when a Region is lost: AWS's part of it, computed.

The goal is one hour. What the chat itself does (clients go to another Region and read what they missed) takes seconds
and is measured by the drill. The rest is AWS's: detection, the change of DNS, and a million clients that connect at the
default quotas.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cdp_constructs.estimates import MILLION, quota

GOAL_SECONDS = 3600.0
PEOPLE = MILLION

# Route 53: a failed check counts after this many in a row, that far apart (30 s; 10 s costs more).
_FAILURES, _INTERVAL = 3, 30.0
# A resolver may go on for this long with the answer that it has (alias records to API Gateway live a minute).
_DNS_SECONDS = 60.0
# What the clients spread their return over, so that they do not all come in the same second.
_JITTER_SECONDS = 2.0

# AppSync Events, new connections per second and API (soft); API Gateway WebSocket, new connections per second (soft).
APPSYNC_CONNECTIONS = quota("appsync.connects_a_second").value
WEBSOCKET_CONNECTIONS = quota("api_gateway.websocket_connects_a_second").value
# HTTP APIs of an account and Region, requests per second; the chat's stage stops at half of it.
API_REQUESTS = quota("api_gateway.requests_a_second").value / 2
# POST /session, GET /rooms/{room}, and one page of history.
_REQUESTS_TO_RETURN = 3
# Cognito, sign-ins per second (soft).
SIGN_INS = quota("cognito.sign_ins_a_second").value


@dataclass(frozen=True)
class Stage:
    """A part of the recovery."""

    name: str
    seconds: float
    source: str
    """Which quota or setting it follows from."""


def stages(people: int = PEOPLE, *, connections_per_second: float = APPSYNC_CONNECTIONS) -> Sequence[Stage]:
    """Return AWS's stages, one after the other; the two of letting people in run side by side and the slower counts.

    Args:
        people: Clients that have to come to the other Region.
        connections_per_second: New live connections that it takes.
    """
    connecting = people / connections_per_second
    asking = people * _REQUESTS_TO_RETURN / API_REQUESTS
    return (
        Stage("Health checks fail", _FAILURES * _INTERVAL, f"{_FAILURES} failed checks, {_INTERVAL:.0f} s apart"),
        Stage("The DNS record expires", _DNS_SECONDS, "a time to live of 60 s"),
        Stage("Clients back off", _JITTER_SECONDS, "full jitter of the client"),
        Stage(
            f"{people:,} clients reconnect",
            max(connecting, asking),
            f"{connections_per_second:,.0f} connections/s take {connecting:,.0f} s; "
            f"{_REQUESTS_TO_RETURN} requests each at {API_REQUESTS:,.0f}/s take {asking:,.0f} s",
        ),
    )


def total_seconds(people: int = PEOPLE, *, connections_per_second: float = APPSYNC_CONNECTIONS) -> float:
    """Return the sum of the stages."""
    return sum(stage.seconds for stage in stages(people, connections_per_second=connections_per_second))


def seconds_to_sign_in_again(people: int = PEOPLE) -> float:
    """Return the time for everybody to sign in again: why sessions must outlast an outage."""
    return people / SIGN_INS
