"""The IoT system: hygrometers and chairs in a home and a factory, their telemetry, alerts and commands."""

from pathlib import Path

HANDLERS = Path(__file__).parent / "handlers"
"""The system's own Lambda code, a folder for each function."""
