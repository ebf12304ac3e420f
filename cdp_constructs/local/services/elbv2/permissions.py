"""Load balancers: a request that changes or deletes a rule needs the permission on that rule.

MiniStack asks for it on everything.
"""

from collections.abc import Callable

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.resources import Request, resource_of

_alb = ministack.module("services.alb", "_p")


@resource_of("elasticloadbalancing")
def _rule(known: Callable[[bytes], str], request: Request) -> str:
    return str(_alb._p(request.query or {}, "RuleArn")) or known(request.body)
