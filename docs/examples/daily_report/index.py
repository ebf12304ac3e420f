"""Writes the report of a day; the pattern calls the handler once for each time of its schedule, and alone."""

from typing import Any

from aws_lambda_powertools import Logger

logger = Logger()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Report about the day before the time that the schedule says, however late this runs."""
    logger.info("Report written", until=event["scheduled_time"])
    return {"until": event["scheduled_time"]}
