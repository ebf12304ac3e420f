"""A mobile backend: saved data, pictures with thumbnails, notices, and an API without functions, behind one front."""

from pathlib import Path

HANDLERS = Path(__file__).parent / "handlers"
"""The backend's Lambda code, a folder for each function."""
SITE = Path(__file__).parent / "site"
"""The page that a browser gets at the backend's name."""
RUNBOOKS = "docs/runbooks/mobile"
"""What to do about each alarm."""
