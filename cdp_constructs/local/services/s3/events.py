"""S3's events to EventBridge name the version of the object, which MiniStack leaves out."""

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.services.eventbridge:_dispatch_event",
    "ministack.services.s3:_fire_s3_event",
)

_eventbridge: Any = ministack.module("services.eventbridge")
_s3: Any = ministack.module("services.s3")

_version_id: ContextVar[str | None] = ContextVar("version_id", default=None)


def _remembering_version(fire: Callable[..., None]) -> Callable[..., None]:
    def fire_s3_event(*args: Any, version_id: str | None = None, **kwargs: Any) -> None:
        token = _version_id.set(version_id)
        try:
            fire(*args, version_id=version_id, **kwargs)
        finally:
            _version_id.reset(token)

    return fire_s3_event


def _with_version(dispatch: Callable[..., Any]) -> Callable[..., Any]:
    def dispatch_event(event: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        version_id = _version_id.get()
        if event.get("Source") == "aws.s3" and version_id is not None:
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version_id
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *args, **kwargs)

    return dispatch_event


def install() -> None:
    """Add the version to the events."""
    _s3._fire_s3_event = _remembering_version(_s3._fire_s3_event)
    _eventbridge._dispatch_event = _with_version(_eventbridge._dispatch_event)
