"""Where cities and Regions are, and how long light takes between them."""

from collections.abc import Mapping
from math import asin, cos, radians, sin, sqrt

__all__ = ["CITIES", "FACTOR", "REGIONS", "round_trip_ms"]

CITIES: Mapping[str, tuple[float, float]] = {
    "Tokyo": (35.7, 139.7),
    "Singapore": (1.35, 103.8),
    "Mumbai": (19.1, 72.9),
    "Sydney": (-33.9, 151.2),
    "Johannesburg": (-26.2, 28.0),
    "Frankfurt": (50.1, 8.7),
    "London": (51.5, -0.1),
    "Sao Paulo": (-23.6, -46.6),
    "New York": (40.7, -74.0),
    "San Francisco": (37.8, -122.4),
}
"""Ten cities of the world, by latitude and longitude."""

REGIONS: Mapping[str, tuple[float, float]] = {
    "af-south-1": (-33.9, 18.4),
    "ap-east-1": (22.3, 114.2),
    "ap-northeast-1": (35.7, 139.7),
    "ap-northeast-2": (37.6, 127.0),
    "ap-northeast-3": (34.7, 135.5),
    "ap-south-1": (19.1, 72.9),
    "ap-southeast-1": (1.35, 103.8),
    "ap-southeast-2": (-33.9, 151.2),
    "ca-central-1": (45.5, -73.6),
    "eu-central-1": (50.1, 8.7),
    "eu-north-1": (59.3, 18.1),
    "eu-south-1": (45.5, 9.2),
    "eu-west-1": (53.3, -6.3),
    "eu-west-2": (51.5, -0.1),
    "eu-west-3": (48.9, 2.4),
    "me-south-1": (26.1, 50.6),
    "sa-east-1": (-23.6, -46.6),
    "us-east-1": (38.9, -77.4),
    "us-east-2": (40.0, -83.0),
    "us-west-1": (37.4, -121.9),
    "us-west-2": (45.6, -121.2),
}
"""The city that a Region is named after, or the place that AWS names."""

_EARTH_KM = 6_371
_FIBRE_KM_A_MS = 200.0
"""Light in glass: two thirds of its speed in a vacuum."""
FACTOR = 1.5
"""Cables are longer than the shortest way, and routers take time: an assumption."""


def round_trip_ms(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Return an estimate of a round trip between two places: there and back in fibre, with the factor."""
    (latitude, longitude), (other_latitude, other_longitude) = start, end
    first, second = radians(latitude), radians(other_latitude)
    half = (
        sin((second - first) / 2) ** 2 + cos(first) * cos(second) * sin(radians(other_longitude - longitude) / 2) ** 2
    )
    return 2 * 2 * _EARTH_KM * asin(sqrt(half)) * FACTOR / _FIBRE_KM_A_MS
