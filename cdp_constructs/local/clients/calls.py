"""How often the embedded cloud was called, by operation."""

from collections import Counter
from typing import NamedTuple

from cdp_constructs.local.clients.administration import Administration

__all__ = ["Call", "calls"]


class Call(NamedTuple):
    """An operation of a service in a Region."""

    region: str
    service: str
    """As requests are signed for it, for example `dynamodb`."""
    operation: str
    """For example `PutItem`; of services with REST paths `POST /event`, of Amazon S3 the method."""


def calls(administration: Administration) -> Counter[Call]:
    """Return the number of signed requests since the server started, by operation."""
    answer = administration.request("GET", "/_cdp/calls")
    return Counter(
        {Call(one["region"], one["service"], one["operation"]): one["calls"] for one in answer.json()["calls"]}
    )
