"""What a million people ask of AWS and what they cost: the arithmetic of ``docs/systems/chat-scale.md``.

``python -m stacks.chat.scale`` prints its tables for any number of people. The package imports nothing of the CDK, so
that a notebook or a test can use it: ``monthly_cost(Crowd(people=50_000))``.
"""

from stacks.chat.scale.costs import monthly_cost
from stacks.chat.scale.crowd import Crowd
from stacks.chat.scale.quotas import quotas

__all__ = ["Crowd", "monthly_cost", "quotas"]
