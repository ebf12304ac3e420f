"""How much memory a function gets: the rule, and the functions that have more for a reason of their own.

Lambda gives CPU with memory. A function has the smallest setting at which what is in use once its handler is imported
is a small part, and a call computes for a short time; and, where somebody waits for the answer, at which a start does
not take longer than a person, or the service that calls, waits for it.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["ONE_CPU", "REASONS", "SETTINGS", "share_of", "smallest"]

ONE_CPU = 1_769
"""MB with which a function has one CPU: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html."""
SETTINGS = (256, 512, 1_024, 1_536)
"""MB; below 256 a start takes twice as long, and saves little: what is paid for is mostly waiting."""
MOST_IN_USE = 0.4
"""Part of the setting that a process may have in use when its handler is imported; the rest is for events."""
LONGEST_CALL_MS = 500
"""Of computing, beside what AWS is waited for."""
LONGEST_START_MS = 4_000
"""Of computing, where somebody waits; hooks of Cognito and AWS IoT have five seconds."""

_SIGNS = "signs or verifies with RSA, which is nearly all that a call does, while somebody waits"
_LISTS = "a price list has up to 50,000 rows, which are in memory as text and as rows"
_EVERYBODY = "is on the way of what people wait for all day: half the time at nearly the same price"
_PARALLEL = "works on many objects at a time in threads: as many more a second as there is more CPU"
REASONS: Mapping[str, str] = {
    "chat/api": _EVERYBODY,
    "chat/message_archive": "a batch is up to 6 MB, and is in memory as text, as messages and as the object",
    "chat/notifier": "holds the members of every room of a batch at once, while people wait for notices",
    "chat/subscriptions": _EVERYBODY,
    "data/gathered_records": "a batch, in memory as bytes, as measurements and as lines, and the next one waits",
    "data/index_reconciliation": _PARALLEL,
    "data/log_lines": "a batch is megabytes of compressed log, in memory as bytes, as events and as lines",
    "data/speed_layer": "a batch of a stream is up to 6 MB, and the next one waits for it",
    "data/user_data": "a document of up to 3 MB is in memory as text, as base64 and as bytes",
    "delivery/key_rotation": "makes an RSA key pair, which takes seconds with little CPU",
    "delivery/site_check": _PARALLEL,
    "delivery/site_repair": "reads both objects to compare them, while people see a site that somebody changed",
    "delivery/url_signing": _SIGNS,
    "iot/history": "rows of an hour of the batch layer, while somebody waits",
    "iot/registration": "AWS IoT waits 5 seconds for the answer, a start included",
    "realtime/publishing": _EVERYBODY,
    "realtime/web_socket_authorization": _SIGNS,
    "realtime/web_socket_publishing": "posts to hundreds of connections from threads: as many more as there is CPU",
    "realtime/web_socket_subscriptions": _EVERYBODY,
    "routing/deep_health_check": "a cold start must fit into the two seconds of Route 53's health checks, too",
    "serverless/approvals": "a person waits for the page, the first time of a day for a start as well",
    "serverless/checks": _LISTS,
    "serverless/publish": "throws a refused list away, up to 50,000 rows, within a minute",
    "serverless/read": _LISTS,
    "serverless/save": _LISTS,
    "serverless/tills": _LISTS,
    "upload/thumbnails": "64 megapixels decoded and converted once, beside the file itself; and most of a core",
    "workflow/receiver": "keeps bodies of up to 6 MB, while the sender waits ten seconds at most",
}
"""Why a function has more than the rule asks for."""


def share_of(setting: int) -> float:
    """Return the part of a CPU that a function has with a setting in MB, one CPU at most."""
    return min(1.0, setting / ONE_CPU)


def smallest(started: Mapping[str, Any], called: Mapping[str, Any], *, waited: bool) -> int:
    """Return the smallest setting that the rule allows.

    Args:
        started: What a start was measured with: ``cpu_ms`` and ``memory`` in MB.
        called: What a call was measured with: ``cpu_ms``.
        waited: Whether somebody waits for the answer.

    Raises:
        ValueError: when the largest setting is too small.
    """
    for setting in SETTINGS:
        share = share_of(setting)
        if (
            started["memory"] <= MOST_IN_USE * setting
            and called["cpu_ms"] <= LONGEST_CALL_MS * share
            and (not waited or started["cpu_ms"] <= LONGEST_START_MS * share)
        ):
            return setting
    raise ValueError(f"{started} and {called} need more than {SETTINGS[-1]} MB")
