"""Price lists without servers: a workflow that takes suppliers' lists, and one that answers what a basket costs."""

from pathlib import Path

HANDLERS = Path(__file__).parent / "handlers"
"""The Lambda code, a folder for each function, and what they share."""
RUNBOOKS = "docs/runbooks/serverless"
"""What to do about each alarm."""
