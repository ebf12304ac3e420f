"""Choreography: orders, billing and shipping, which know each other by events only."""

from pathlib import Path

HANDLERS = Path(__file__).parent / "handlers"
"""The services' Lambda code, a folder for each function, and the contracts that they share."""
RUNBOOKS = "docs/runbooks/services"
"""What to do about each alarm."""
