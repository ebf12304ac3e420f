"""What a million devices ask of AWS and what each choice costs: the arithmetic of ``docs/systems/iot-scale.md``.

``python -m stacks.iot.scale`` prints its tables for a fleet of any size. The package imports nothing of the CDK, so
that a notebook or a test can use it: ``monthly_cost(Fleet(devices=50_000), Choice())``.
"""

from stacks.iot.scale.costs import monthly_cost
from stacks.iot.scale.fleet import FOR_A_LARGE_FLEET, BatchSource, Capacity, Choice, Fleet
from stacks.iot.scale.quotas import catch_up_seconds, catch_up_stages, join_seconds, quotas, reconnect_seconds

__all__ = [
    "FOR_A_LARGE_FLEET",
    "BatchSource",
    "Capacity",
    "Choice",
    "Fleet",
    "catch_up_seconds",
    "catch_up_stages",
    "join_seconds",
    "monthly_cost",
    "quotas",
    "reconnect_seconds",
]
