"""Load balancers: which target gets a request, by weights of target groups, cookies, health and load.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html
"""

import base64
import itertools
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.cookies import CookieError, SimpleCookie
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.elbv2 import health, records

__all__ = ["Choice", "Group", "by_load", "choose_group", "chosen"]

_alb: Any = ministack.module("services.alb", "_tgs")

_OF_GROUP, _OF_TARGET, _OF_APPLICATION = "AWSALBTG", "AWSALB", "AWSALBAPP-0"
_DAY = "86400"
_turns: dict[str, Iterator[int]] = defaultdict(itertools.count)


def _cookies(values: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for value in values:
        try:
            found |= {name: morsel.value for name, morsel in SimpleCookie(value).items()}
        except CookieError:
            continue  # of an application that writes cookies as no RFC has them
    return found


def _encoded(*what: Any) -> str:
    """Name what a client sticks to; it is used only when it is registered, so that nobody can make one up."""
    return base64.urlsafe_b64encode(json.dumps(what).encode()).decode()


def _decoded(value: str | None) -> list[Any]:
    try:
        what = json.loads(base64.urlsafe_b64decode(value or ""))
    except ValueError:
        return []
    return what if isinstance(what, list) else []


def _set_cookies(name: str, value: str, seconds: float) -> list[str]:
    """Return the header's values: that for the page's own site, and that for requests from other sites."""
    cookie = f"{value}; Expires={formatdate(time.time() + seconds, usegmt=True)}; Path=/"
    return [f"{name}={cookie}", f"{name}CORS={cookie}; SameSite=None; Secure"]


@dataclass(frozen=True)
class Group:
    """The target group that gets a request.

    Attributes:
        arn: Its ARN; None when every weight is 0.
        cookies: Values of `Set-Cookie` for the response.
    """

    arn: str | None
    cookies: Sequence[str] = ()


def choose_group(action: Mapping[str, Any], cookies: Sequence[str]) -> Group:
    """Return the target group of a forward action.

    Args:
        action: The action of a rule.
        cookies: The `Cookie` headers of the request.
    """
    configuration = action.get("ForwardConfig") or {}
    groups = configuration.get("TargetGroups") or []
    if len(groups) < 2:  # noqa: PLR2004 - one group needs no choice
        return Group(action.get("TargetGroupArn") or (groups[0]["TargetGroupArn"] if groups else None))
    weights = {each["TargetGroupArn"]: int(each.get("Weight", 1)) for each in groups}
    if not any(weights.values()):
        return Group(None)
    stickiness = configuration.get("TargetGroupStickinessConfig") or {}
    sticky = str(stickiness.get("Enabled", "false")).lower() == "true"
    chosen = random.choices(list(weights), list(weights.values()))[0]  # noqa: S311  # spreads load
    if not sticky:
        return Group(chosen)
    kept = _decoded(_cookies(cookies).get(_OF_GROUP))[:1]
    if kept and weights.get(kept[0]):
        chosen = kept[0]
    return Group(chosen, _set_cookies(_OF_GROUP, _encoded(chosen), float(stickiness.get("DurationSeconds") or _DAY)))


@dataclass(frozen=True)
class Choice:
    """The target that gets a request.

    Attributes:
        group: Its target group.
        address: Its address.
        port: Its port.
    """

    group: Mapping[str, Any]
    address: str
    port: int

    @property
    def key(self) -> tuple[str, str, int]:
        """How its health is known."""
        return self.group["TargetGroupArn"], self.address, self.port

    def cookies(self, set_by_target: Sequence[str]) -> list[str]:
        """Return values of `Set-Cookie` for the response, given those that the target sets."""
        arn = self.group["TargetGroupArn"]
        if records.group_attribute(arn, "stickiness.enabled", "false") != "true":
            return []
        kind = records.group_attribute(arn, "stickiness.type", "lb_cookie")
        seconds = float(records.group_attribute(arn, f"stickiness.{kind}.duration_seconds", _DAY))
        value = _encoded(self.address, self.port)
        if kind == "lb_cookie":
            return _set_cookies(_OF_TARGET, value, seconds)
        own = records.group_attribute(arn, "stickiness.app_cookie.cookie_name")
        if own not in _cookies(set_by_target):
            return []
        return _set_cookies(_OF_APPLICATION, value, seconds)[:1]


def _kept(arn: str, cookies: Mapping[str, str]) -> list[Any]:
    """Return address and port that a client sticks to."""
    if records.group_attribute(arn, "stickiness.enabled", "false") != "true":
        return []
    if records.group_attribute(arn, "stickiness.type", "lb_cookie") == "lb_cookie":
        return _decoded(cookies.get(_OF_TARGET))
    own = records.group_attribute(arn, "stickiness.app_cookie.cookie_name")
    return _decoded(cookies.get(_OF_APPLICATION)) if own in cookies else []


def _choose(arn: str, cookies: Sequence[str]) -> Choice | None:
    group = _alb._tgs.get(arn)
    if group is None:
        return None
    choices = [Choice(group, str(each["Id"]), records.port_of(group, each)) for each in health.candidates(arn)]
    if not choices:
        return None
    kept = _kept(arn, _cookies(cookies))
    found = next((each for each in choices if [each.address, each.port] == kept), None)
    return found or by_load(arn, choices)


@contextmanager
def chosen(arn: str, cookies: Sequence[str], close: Callable[[], object]) -> Iterator[Choice | None]:
    """Provide the target of a group that gets a request, which is under way inside the block; None without targets.

    Args:
        arn: The target group.
        cookies: The `Cookie` headers of the request.
        close: Ends the request, when the target leaves and the request takes too long.
    """
    with ExitStack() as over:
        with health.changing:
            found = _choose(arn, cookies)
            if found is not None:
                over.enter_context(health.under_way(*found.key, close))
        yield found


def by_load(arn: str, choices: list[Choice]) -> Choice:
    """Return one of some targets, by the algorithm of their group."""
    algorithm = records.group_attribute(arn, "load_balancing.algorithm.type", "round_robin")
    turn = next(_turns[arn])
    in_turn = [choices[(turn + index) % len(choices)] for index in range(len(choices))]
    if algorithm == "least_outstanding_requests":
        return min(in_turn, key=lambda each: health.requests_of(*each.key))
    if algorithm == "weighted_random":
        return random.choice(choices)  # noqa: S311  # spreads load
    slow_start = float(records.group_attribute(arn, "slow_start.duration_seconds", "0"))
    shares = [min(1.0, health.healthy_seconds(*each.key) / slow_start) for each in in_turn] if slow_start else []
    if any(share < 1 for share in shares) and max(shares) == 1:  # somebody else takes the rest
        return random.choices(in_turn, shares)[0]  # noqa: S311  # spreads load
    return in_turn[0]
