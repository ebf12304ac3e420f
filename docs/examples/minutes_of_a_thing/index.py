"""Answers what a thing measured: ``{"thing": "desk-7", "minutes": 60}``."""

from datetime import UTC, datetime, timedelta
from typing import Any

from telemetry_view import ServingView, SpeedView

speed = SpeedView.connect()
serving = ServingView.connect()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the state now, and the last minutes: exact up to the last load, live after it."""
    del context
    now = datetime.now(UTC)
    latest = speed.latest(event["thing"])
    windows = serving.windows(event["thing"], now - timedelta(minutes=event["minutes"]), now)
    return {
        "now": {name: field.value for name, field in latest.fields.items()} if latest else None,
        "minutes": [
            {"start": window.start.isoformat(), "messages": window.messages, "layer": window.layer}
            | {name: total.mean for name, total in window.measures.items()}
            for window in windows
        ],
    }
