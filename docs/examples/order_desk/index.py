"""Answers with the release that runs."""

import os
from typing import Any


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer a request."""
    return {"statusCode": 200, "body": os.environ["RELEASE"]}
