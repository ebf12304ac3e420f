"""Two steps of a workflow: one makes many rows, the other one needs them all."""

from typing import Any

from claim_check import connect

payloads = connect()


@payloads.by_reference
def read(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the rows; a thousand of them are too large for a state."""
    rows = [{"sku": f"A-{number:05}", "cents": number % 100, "text": "x" * 1000} for number in range(event["rows"])]
    return {"supplier": event["supplier"], "rows": rows}


@payloads.by_reference
def total(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Sum up the rows, which are there as if the state had had them."""
    return {"supplier": event["supplier"], "cents": sum(row["cents"] for row in event["rows"])}
