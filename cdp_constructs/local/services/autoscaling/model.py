"""Application Auto Scaling: targets, policies and scheduled actions, and the capacity of what they scale.

https://docs.aws.amazon.com/autoscaling/application/userguide/what-is-application-auto-scaling.html
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from cdp_constructs.local.kit import clock, ministack

__all__ = ["Activity", "Policy", "Target", "TargetKey", "all_targets", "capacity", "find", "set_capacity", "targets"]

_ecs: Any = ministack.module("services.ecs", "_services", "_update_service")
_responses: Any = ministack.module("core.responses", "request_scope")

TargetKey: TypeAlias = tuple[str, str, str]
"""Namespace, resource id and dimension."""
_SERVICE = ("ecs", "ecs:service:DesiredCount")


@dataclass
class Policy:
    """A scaling policy.

    Attributes:
        name: Its name, unique for its target.
        kind: `TargetTrackingScaling` or `StepScaling`.
        configuration: What the request gave for its kind.
        arn: Its ARN, which alarms name as their action.
        alarms: Names of the alarms that it made for itself.
    """

    name: str
    kind: str
    configuration: dict[str, Any]
    arn: str
    alarms: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Activity:
    """A change of capacity, and why it was made."""

    at: datetime
    cause: str
    description: str


@dataclass
class Target:
    """Something with a capacity, in one account and Region.

    Attributes:
        key: What it is.
        least: Lowest capacity that policies give it.
        most: Highest capacity.
        role: The role that the request named.
        policies: By name.
        actions: Scheduled actions, by name.
        suspended: What is suspended.
        activities: Changes, the newest first.
        scaled: When it was scaled last, on the clock of metrics: out and in.
    """

    key: TargetKey
    least: int
    most: int
    role: str = ""
    policies: dict[str, Policy] = field(default_factory=dict)
    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    suspended: dict[str, bool] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    scaled: dict[str, float] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def arn_of(self, policy: str) -> str:
        """Return a new ARN for a policy."""
        account, region = _responses.get_account_id(), _responses.get_region()
        namespace, resource, _ = self.key
        where = f"arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid.uuid4()}"
        return f"{where}:resource/{namespace}/{resource}:policyName/{policy}"


_targets: dict[tuple[str, str], dict[TargetKey, Target]] = defaultdict(dict)


def targets() -> dict[TargetKey, Target]:
    """Return the targets of the current account and Region."""
    return _targets[_responses.get_account_id(), _responses.get_region()]


def find(key: TargetKey) -> Target | None:
    """Return a target of the current account and Region."""
    return targets().get(key)


def all_targets() -> Iterator[Target]:
    """Yield every target, inside its account and Region."""
    for scope, found in list(_targets.items()):
        with _responses.request_scope(*scope):
            yield from list(found.values())


def _service(key: TargetKey) -> Any:
    return _ecs._services.get(key[1].removeprefix("service/")) if (key[0], key[2]) == _SERVICE else None


def capacity(key: TargetKey) -> int | None:
    """Return the present capacity; None of what is not scaled here, or is gone."""
    service = _service(key)
    return None if service is None else int(service["desiredCount"])


def set_capacity(target: Target, wanted: int, cause: str) -> bool:
    """Change the capacity, within the limits, and return whether it changed."""
    present, new = capacity(target.key), max(target.least, min(target.most, wanted))
    if present is None or new == present:
        return False
    cluster, _, name = target.key[1].removeprefix("service/").partition("/")
    _ecs._update_service({"cluster": cluster, "service": name, "desiredCount": new})
    target.scaled["out" if new > present else "in"] = clock.now()
    at = datetime.fromtimestamp(clock.now(), UTC)
    target.activities.insert(0, Activity(at, cause, f"Setting desired count to {new}."))
    return True
