"""S3's events to EventBridge name the object's version, which MiniStack leaves out, and no size of what is deleted."""

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit.patch import patch

_version_id: ContextVar[str | None] = ContextVar("version_id", default=None)


@patch("ministack.services.s3:_fire_s3_event")
def _fire(original: Callable[..., None], *arguments: Any, version_id: str | None = None, **options: Any) -> None:
    token = _version_id.set(version_id)
    try:
        original(*arguments, version_id=version_id, **options)
    finally:
        _version_id.reset(token)


@patch("ministack.services.eventbridge:_dispatch_event")
def _dispatch(original: Callable[..., Any], event: dict[str, Any], *arguments: Any, **options: Any) -> Any:
    version_id = _version_id.get()
    if event.get("Source") == "aws.s3":
        detail = json.loads(event["Detail"])
        if version_id is not None:
            detail["object"]["version-id"] = version_id
        if event.get("DetailType") == "Object Deleted":
            detail["object"].pop("size", None)
        event = {**event, "Detail": json.dumps(detail)}
    return original(event, *arguments, **options)
