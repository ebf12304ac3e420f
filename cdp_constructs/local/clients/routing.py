"""Asks Route 53 as a client's resolver does, from a stated place, and makes its health checks at once."""

import time
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.clients.administration import Administration
from cdp_constructs.local.errors import LocalCloudError
from cdp_constructs.local.places import PLACES, address_in

__all__ = ["Host", "check_health", "resolve"]

_RUN_SECONDS = 120.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Host:
    """Where a name leads to.

    Attributes:
        target: The AWS name of the resource, for example `d-1a2b3c.execute-api.us-west-2.amazonaws.com`.
        url: Base URL at which it answers here, without a slash at its end.
    """

    target: str
    url: str


def resolve(route53: Any, administration: Administration, endpoint: str, name: str, place: str) -> Host:
    """Return where users of a place are led to by a name.

    Args:
        route53: boto3 client of the account that holds the zone.
        administration: Administration of the embedded cloud.
        endpoint: Its base URL.
        name: Of a public hosted zone; its A record is an alias of an API's custom domain, of a load
            balancer or of a distribution.
        place: The Region that is next to the users, for example `ap-northeast-1`.

    Raises:
        LocalCloudError: the place is unknown, no zone holds the name, or nothing answers for it.
        httpx.HTTPStatusError: the address is that of a resource which cannot be called here.
    """
    if place not in PLACES:
        raise LocalCloudError(f"place is {place!r}; use the Region that is next to the users: {', '.join(PLACES)}")
    zones = [zone for page in route53.get_paginator("list_hosted_zones").paginate() for zone in page["HostedZones"]]
    holding = [zone for zone in zones if f".{name.rstrip('.')}.".endswith(f".{zone['Name']}")]
    public = [zone for zone in holding if not zone["Config"]["PrivateZone"]]
    if not public:
        raise LocalCloudError(f"no public hosted zone holds {name}")
    answer = route53.test_dns_answer(
        HostedZoneId=max(public, key=lambda zone: len(zone["Name"]))["Id"],
        RecordName=name,
        RecordType="A",
        EDNS0ClientSubnetIP=address_in(place),
    )
    if not answer["RecordData"]:
        raise LocalCloudError(f"{name} has no A record ({answer['ResponseCode']})")
    found = administration.request("GET", "/_cdp/dns/hosts", params={"address": answer["RecordData"][0]}).json()
    return Host(found["target"], f"{endpoint}{found['path']}")


def check_health(administration: Administration, times: int) -> dict[str, bool]:
    """Make every health check at once, and return how each stands, by its id.

    Args:
        administration: Administration of the embedded cloud.
        times: 1 to 10 times, one after the other; the failure threshold of a check says how many change its status.

    Raises:
        LocalCloudError: they take longer than two minutes.
        httpx.HTTPStatusError: the number is another.
    """
    run = administration.request("POST", "/_cdp/health-checks/run", json={"times": times}).json()["run"]

    deadline = time.monotonic() + _RUN_SECONDS
    while True:
        standing = administration.request("GET", "/_cdp/health-checks", params={"run": run}).json()
        if standing["done"]:
            return {name: check["healthy"] for name, check in standing["checks"].items()}
        if time.monotonic() > deadline:
            raise LocalCloudError(f"the health checks did not end within {_RUN_SECONDS:g} s")
        time.sleep(_POLL_SECONDS)
