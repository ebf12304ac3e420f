"""ECS: times of answers have milliseconds, so that what happens within a second has an order."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cdp_constructs.local.kit.patch import patch


@patch("ministack.services.ecs:_ts_to_epoch")
def _precise(original: Callable[[Any], Any], value: Any) -> Any:
    try:
        return round(datetime.fromisoformat(value).timestamp(), 3)
    except (TypeError, ValueError):
        return original(value)
