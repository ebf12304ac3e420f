"""Objects against items and items against objects, page by page, and the repair of what differs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any

from aws_lambda_powertools import Logger
from boto3.dynamodb.conditions import Attr, ConditionBase

from ..storage_index.items import Items
from ..storage_index.objects import Objects, text

__all__ = ["PARALLEL_REQUESTS", "Comparison", "Result"]

logger = Logger(child=True)

PARALLEL_REQUESTS = 16
BEFORE_ALL = "0" * 64
"""The sequencer of an object of which no event was recorded: every event is newer."""

# What differs or may differ, by key with the item as it was seen; how many were compared; where the next page begins.
Page = tuple[dict[str, dict[str, Any] | None], int, dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run did."""

    compared: int
    repaired: int
    failed: int
    """Objects that could not be compared: the run went on without them."""
    finished: bool
    """Whether everything was compared since the first run that began at the beginning."""


class Comparison:
    """The bucket and its index."""

    def __init__(self, objects: Objects, items: Items) -> None:
        """Compare objects with items."""
        self._objects = objects
        self._items = items

    def run(self, grace_seconds: int, *, may_go_on: Callable[[], bool]) -> Result:
        """Compare and repair page by page, from where the run before had to stop.

        Args:
            grace_seconds: Objects that changed within this time are left to their events.
            may_go_on: Whether there is time for another page.
        """
        settled_before = text(datetime.now(UTC) - timedelta(seconds=grace_seconds))
        name = f"reconciliation of {self._objects.bucket}/{self._objects.prefix}"
        cursor: dict[str, Any] = self._items.place(name) or {"phase": "objects", "after": ""}
        compared = repaired = failed = 0
        with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
            while cursor["phase"] != "done" and may_go_on():
                page = self._changed_objects if cursor["phase"] == "objects" else self._living_items
                seen, count, cursor = page(cursor["after"])
                results = list(pool.map(self._repair_alone, seen.keys(), seen.values(), repeat(settled_before)))
                repaired += results.count(True)
                failed += results.count(None)
                compared += count
        finished = cursor["phase"] == "done"
        self._items.keep_place(name, None if finished else cursor)
        return Result(compared=compared, repaired=repaired, failed=failed, finished=finished)

    def _changed_objects(self, after: str) -> Page:
        """Return a page of objects of the bucket whose items differ, with those items."""
        answer = self._objects.page(after)
        objects = answer.get("Contents", [])
        items = self._items.get([self._objects.name(item["Key"]) for item in objects])
        seen = {item["Key"]: items.get(self._objects.name(item["Key"])) for item in objects}
        changed = {
            item["Key"]: seen[item["Key"]]
            for item in objects
            if _state(seen[item["Key"]]) != (item["ETag"].strip('"'), text(item["LastModified"]))
        }
        if answer["IsTruncated"]:
            return changed, len(objects), {"phase": "objects", "after": objects[-1]["Key"]}
        return changed, len(objects), {"phase": "items", "after": ""}

    def _living_items(self, after: str) -> Page:
        """Return a page of items that say that their object exists."""
        items, last = self._items.living(self._objects.bucket, self._objects.prefix, after)
        return {**items}, len(items), {"phase": "items", "after": last} if last else {"phase": "done"}

    def _repair_alone(self, key: str, seen: dict[str, Any] | None, settled_before: str) -> bool | None:
        """Repair one object, and return None when that fails: it must not end every run."""
        try:
            return self._repair(key, seen, settled_before)
        except Exception:
            logger.exception("Not compared", key=key)
            return None

    def _repair(self, key: str, seen: dict[str, Any] | None, settled_before: str) -> bool:
        """Write the object's state unless the item says so already or has changed meanwhile; return whether it did.

        The sequencer stays: the next event about the object is newer than what was lost.
        """
        item = self._objects.read(key)
        unsettled = item.get("modified_at", "") >= settled_before
        if unsettled or _state(item) == _state(seen):
            return False
        unchanged: ConditionBase = Attr("sequencer").not_exists()
        sequencer = BEFORE_ALL
        # Without one there is no item, or one that somebody else has written.
        if seen and "sequencer" in seen:
            unchanged = Attr("sequencer").eq(seen["sequencer"])
            sequencer = seen["sequencer"] if isinstance(seen["sequencer"], str) else BEFORE_ALL
        repaired = self._items.put(item, sequencer, unchanged)
        if repaired:
            logger.warning("Repaired", key=key, was=_state(seen), now=_state(item))
        return repaired


def _state(item: dict[str, Any] | None) -> tuple[Any, Any] | None:
    """Return what tells two states of an object apart; None when there is no object."""
    return (item["etag"], item.get("modified_at")) if item and "etag" in item else None
