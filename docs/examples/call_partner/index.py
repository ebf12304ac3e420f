"""Asks a partner's API, who sees the address of a NAT gateway."""

import json
import urllib.request
from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return what the partner says of an order."""
    with urllib.request.urlopen(f"https://partner.example.com/orders/{int(event['order'])}", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
