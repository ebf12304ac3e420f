"""Returns what a thing measures: ``{"thing": "A-0001", "minutes": 60}``, by direct invocation.

The answer has its state now, and its last minutes, each from one layer: exact up to the last load, live after it; with
``live`` false they end with the last load.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from telemetry_view import ServingView, SpeedView, Window

logger = Logger()
speed = SpeedView.connect()
serving = ServingView.connect()

LONGEST_NAME = 128
MOST_MINUTES = 7 * 24 * 60


@logger.inject_lambda_context
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer for one thing; a mistake of the caller is answered with ``{"error"}``."""
    del context
    asked = event if isinstance(event, dict) else {}
    thing, minutes = asked.get("thing"), asked.get("minutes", 60)
    if (
        not isinstance(thing, str)
        or not 0 < len(thing) <= LONGEST_NAME
        # Half a surrogate pair is no key of DynamoDB.
        or not thing.isprintable()
        or not isinstance(minutes, int)
        or not 1 <= minutes <= MOST_MINUTES
    ):
        return {"error": f"thing is a name, and minutes 1 to {MOST_MINUTES:,}"}
    now = datetime.now(UTC)
    latest = speed.latest(thing)
    windows = serving.windows(thing, now - timedelta(minutes=minutes), now)
    return {
        "thing": thing,
        "at": latest.at.isoformat() if latest else None,
        "now": {name: field.value for name, field in latest.fields.items()} if latest else {},
        "crossed": sorted(latest.crossed) if latest else [],
        "minutes": [_minute(window) for window in windows],
        "window_minutes": serving.window_length // timedelta(minutes=1),
        # Without windows in the speed layer, minutes that are not loaded yet are missing.
        "live": serving.is_live,
    }


def _minute(window: Window) -> dict[str, Any]:
    # Measures of 1.7e308 have an infinite sum, which JSON cannot hold.
    means = {
        name: round(total.mean, 3) if math.isfinite(total.mean) else None for name, total in window.measures.items()
    }
    return {"start": window.start.isoformat(), "messages": window.messages, "layer": window.layer, **means}
