"""Lengths of time, each made once: every duration is a question to Node, and many metrics and queues name the same."""

from functools import cache

from aws_cdk import Duration

__all__ = ["days", "minute", "minutes", "seconds"]


@cache
def seconds(number: float) -> Duration:
    """Return a number of seconds."""
    return Duration.seconds(number)


@cache
def minutes(number: float) -> Duration:
    """Return a number of minutes."""
    return Duration.minutes(number)


@cache
def days(number: float) -> Duration:
    """Return a number of days."""
    return Duration.days(number)


def minute() -> Duration:
    """Return the finest period that alarms and graphs of this library use."""
    return minutes(1)
