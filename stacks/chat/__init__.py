"""The chat: one service in two or more Regions, its functions and its web client."""

from pathlib import Path

HANDLERS = Path(__file__).parent / "handlers"
"""The chat's own Lambda code, a folder for each function."""
