"""DynamoDB global tables: a write in one Region reaches the others as it does on AWS.

MiniStack writes to all replicas at once, which hides race conditions between Regions. Here a change reaches the
other Regions some milliseconds later, in the order of its Region, and of two changes to one item the later one wins as
a whole. A table with strong consistency is written everywhere at once, and suspending replication does not affect it.

`POST /_cdp/replication/suspend?region=us-west-2` suspends replication to and from that Region, `POST
/_cdp/replication/resume?region=us-west-2` resumes it, `GET /_cdp/replication` returns the pending changes.
"""

import asyncio
import copy
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.patch import patch

__all__ = ["REPLICATION_DELAY", "STRONG", "event_loop", "item_key"]

REPLICATION_DELAY = 0.02
"""Seconds from a write to its arrival in the other Regions; AWS says usually less than one second."""

_app: Any = ministack.module("app", "_MAIN_LOOP")
_ddb: Any = ministack.module("services.dynamodb", "_extract_key_val", "_replica_group", "_tables")
_responses: Any = ministack.module("core.responses")

STRONG = "_cdp_strong"  # in a table's record: a write is in every Region before it is answered
_VERSIONS = "_cdp_versions"  # in a table's record: (partition key, sort key) -> version of its last change

_Version = tuple[int, str]
_Link = tuple[str, str]


@dataclass(frozen=True)
class _Change:
    account: str
    table: str
    event: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    version: _Version


_links: dict[_Link, deque[_Change]] = {}
_suspended: set[str] = set()


def event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop on which requests are served, for what other threads start."""
    loop: asyncio.AbstractEventLoop = _app._MAIN_LOOP
    return loop


def item_key(table: Mapping[str, Any], item: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the values of an item's partition key and sort key (None without one), as MiniStack indexes them."""
    sort_key = table["sk_name"]
    return (
        _ddb._extract_key_val(item.get(table["pk_name"])),
        _ddb._extract_key_val(item.get(sort_key)) if sort_key else None,
    )


@patch("ministack.services.dynamodb:_replicate_write")
def _replicate(
    original: Callable[..., None],
    table: dict[str, Any],
    event: str,
    old: dict[str, Any] | None,
    new: dict[str, Any] | None,
) -> None:
    """Queue the change for each other Region instead of applying it."""
    regions = _ddb._replica_group(table)
    if not regions:
        return
    if table.get(STRONG):
        original(table, event, old, new)
        return
    home = _responses.get_region()
    change = _Change(
        account=_responses.get_account_id(),
        table=table["TableName"],
        event=event,
        old=copy.deepcopy(old),
        new=copy.deepcopy(new),
        version=(time.time_ns(), home),
    )
    table.setdefault(_VERSIONS, {})[item_key(table, new if new is not None else old or {})] = change.version
    for region in regions:
        if region != home:
            _links.setdefault((home, region), deque()).append(change)
            # Applied on the event loop, where requests are served: no write can fall between condition and effect.
            event_loop().call_soon_threadsafe(event_loop().call_later, REPLICATION_DELAY, _deliver, (home, region))


def _deliver(link: _Link) -> None:
    """Apply the oldest change of a link; changes of one link stay in order."""
    if _links[link] and _suspended.isdisjoint(link):
        _apply(link, _links[link].popleft())


def _apply(link: _Link, change: _Change) -> None:
    origin, destination = link
    replica = _ddb._tables.get_scoped(change.account, destination, change.table)
    if replica is None:
        return
    versions: dict[tuple[Any, Any], _Version] = replica.setdefault(_VERSIONS, {})
    key = item_key(replica, change.new if change.new is not None else change.old or {})
    if versions.get(key, (0, "")) > change.version:
        return
    versions[key] = change.version
    with _responses.request_scope(change.account, origin):
        # MiniStack's own replication does the write and the stream record of one Region.
        only_destination = {"TableName": change.table, "_global_regions": [destination]}
        _replicate.original(only_destination, change.event, change.old, change.new)


@route("POST", "replication/suspend")
def _suspend(request: Mapping[str, Any]) -> Mapping[str, Any]:
    _suspended.add(request["region"])
    return _status({})


@route("POST", "replication/resume")
def _resume(request: Mapping[str, Any]) -> Mapping[str, Any]:
    _suspended.discard(request["region"])
    held = [
        (change.version, link) for link, changes in _links.items() if _suspended.isdisjoint(link) for change in changes
    ]
    for _, link in sorted(held):
        _deliver(link)
    return _status({})


@route("GET", "replication")
def _status(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "suspended": sorted(_suspended),
        "pending": {f"{origin} -> {destination}": len(changes) for (origin, destination), changes in _links.items()},
    }
