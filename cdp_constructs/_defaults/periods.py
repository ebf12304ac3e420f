"""The period of metrics, made once: every duration is a question to Node, and every metric names one."""

from functools import cache

from aws_cdk import Duration

__all__ = ["minute"]


@cache
def minute() -> Duration:
    """Return the finest period that alarms and graphs of this library use."""
    return Duration.minutes(1)
