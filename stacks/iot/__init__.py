"""The Internet of Things: hygrometers and chairs in a home and a factory, and what the cloud does with them."""

from pathlib import Path

HANDLERS = Path(__file__).parent / "handlers"
"""The system's own Lambda code, a folder for each function."""
