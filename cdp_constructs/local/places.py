"""Where a query comes from, and how far the Regions are: Route 53 knows it from measurements, here it is a map.

Places are named like Regions: `ap-northeast-1` stands for users near Tokyo. Each has a block of addresses of its own,
of those that RFC 2544 keeps for benchmarks, so that `TestDNSAnswer` can be asked from there. Everybody else is in
Virginia.
"""

import ipaddress
import math
from dataclasses import dataclass

__all__ = ["DEFAULT_PLACE", "PLACES", "Place", "address_in", "distance", "place_of"]


@dataclass(frozen=True)
class Place:
    """Coordinates in degrees, and the codes of geolocation records."""

    latitude: float
    longitude: float
    country: str
    continent: str


PLACES = {
    "af-south-1": Place(-33.9, 18.4, "ZA", "AF"),
    "ap-east-1": Place(22.3, 114.2, "HK", "AS"),
    "ap-east-2": Place(25.0, 121.5, "TW", "AS"),
    "ap-northeast-1": Place(35.7, 139.7, "JP", "AS"),
    "ap-northeast-2": Place(37.6, 127.0, "KR", "AS"),
    "ap-northeast-3": Place(34.7, 135.5, "JP", "AS"),
    "ap-south-1": Place(19.1, 72.9, "IN", "AS"),
    "ap-south-2": Place(17.4, 78.5, "IN", "AS"),
    "ap-southeast-1": Place(1.4, 103.8, "SG", "AS"),
    "ap-southeast-2": Place(-33.9, 151.2, "AU", "OC"),
    "ap-southeast-3": Place(-6.2, 106.8, "ID", "AS"),
    "ap-southeast-4": Place(-37.8, 145.0, "AU", "OC"),
    "ap-southeast-5": Place(3.1, 101.7, "MY", "AS"),
    "ap-southeast-6": Place(-36.8, 174.8, "NZ", "OC"),
    "ap-southeast-7": Place(13.8, 100.5, "TH", "AS"),
    "ca-central-1": Place(45.5, -73.6, "CA", "NA"),
    "ca-west-1": Place(51.0, -114.1, "CA", "NA"),
    "eu-central-1": Place(50.1, 8.7, "DE", "EU"),
    "eu-central-2": Place(47.4, 8.5, "CH", "EU"),
    "eu-north-1": Place(59.3, 18.1, "SE", "EU"),
    "eu-south-1": Place(45.5, 9.2, "IT", "EU"),
    "eu-south-2": Place(41.6, -0.9, "ES", "EU"),
    "eu-west-1": Place(53.3, -6.3, "IE", "EU"),
    "eu-west-2": Place(51.5, -0.1, "GB", "EU"),
    "eu-west-3": Place(48.9, 2.4, "FR", "EU"),
    "il-central-1": Place(32.1, 34.8, "IL", "AS"),
    "me-central-1": Place(24.5, 54.4, "AE", "AS"),
    "me-south-1": Place(26.2, 50.6, "BH", "AS"),
    "mx-central-1": Place(20.6, -100.4, "MX", "NA"),
    "sa-east-1": Place(-23.6, -46.6, "BR", "SA"),
    "us-east-1": Place(38.9, -77.4, "US", "NA"),
    "us-east-2": Place(40.0, -83.0, "US", "NA"),
    "us-west-1": Place(37.4, -122.0, "US", "NA"),
    "us-west-2": Place(45.8, -119.7, "US", "NA"),
}
DEFAULT_PLACE = "us-east-1"

_BLOCKS = ipaddress.ip_network("198.18.0.0/16")
_BLOCK_OF = {name: number for number, name in enumerate(PLACES)}
_PLACE_OF = dict(enumerate(PLACES))


def address_in(place: str) -> str:
    """Return an address from which a query counts as coming from a place."""
    return str(_BLOCKS[_BLOCK_OF[place] * 256 + 1])


def place_of(address: str) -> str:
    """Return the place of an address; `DEFAULT_PLACE` for one that is in no place's block.

    Raises:
        ValueError: it is no IP address.
    """
    parsed = ipaddress.ip_address(address)
    if parsed.version == _BLOCKS.version and parsed in _BLOCKS:
        return _PLACE_OF.get((int(parsed) - int(_BLOCKS.network_address)) // 256, DEFAULT_PLACE)
    return DEFAULT_PLACE


def distance(one: str, other: str) -> float:
    """Return the great-circle distance of two places in radians; infinite when one is not on the map."""
    if one not in PLACES or other not in PLACES:
        return math.inf
    here, there = PLACES[one], PLACES[other]
    north, south = math.radians(here.latitude), math.radians(there.latitude)
    turn = math.radians(here.longitude - there.longitude)
    cosine = math.sin(north) * math.sin(south) + math.cos(north) * math.cos(south) * math.cos(turn)
    return math.acos(max(-1.0, min(1.0, cosine)))
