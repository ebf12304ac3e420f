"""ServiceRoute: which requests of a load balancer a service gets, and how the load balancer treats its tasks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_no_repetition, check_range

__all__ = ["ServiceRoute"]

_RULES = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html"
_GROUPS = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html"
_HEALTH = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"
_PATTERN = re.compile(r"[/*?][A-Za-z0-9_.$/~\"'@:+&*?-]{0,127}")
_PATH = re.compile(r"/[\x21-\x7e]{0,1023}")
_LAST = 50_000
_MOST_VALUES = 5


@checks_options
@dataclass(frozen=True)
class ServiceRoute:
    """The requests that a service gets; checked when it is made.

    Without paths and hosts these are the requests that no other service of the load balancer gets::

        ServiceRoute(priority=10, path_patterns=["/search/*"])

    Raises:
        InvalidOptionError: for values that Elastic Load Balancing would refuse.
    """

    priority: int = _LAST
    """Rules are tried from 1 to 50,000; each of a load balancer has a number of its own."""

    path_patterns: Sequence[str] = ()
    """Paths; ``*`` and ``?`` match. Paths and hosts together have at most 5 values. Default: all paths."""

    host_headers: Sequence[str] = ()
    """Hosts; ``*`` and ``?`` match. The certificate of the load balancer must have them. Default: all hosts."""

    health_check_path: str = "/health"
    """What the load balancer asks every 10 seconds: whether this task can answer, and nothing that it depends on.

    A task that fails it twice gets no requests and is replaced.
    """

    deregistration_delay: Duration = seconds(30)  # noqa: RUF009 - never changed
    """How long requests that are under way may take once a task stops, up to an hour; then it receives SIGTERM."""

    def __post_init__(self) -> None:
        """Check what does not depend on the service."""
        path = "ServiceRoute"
        check_range(path, "priority", self.priority, low=1, high=_LAST, unit="", source=_RULES)
        values = [*self.path_patterns, *self.host_headers]
        if len(values) > _MOST_VALUES:
            fix = f"Use at most {_MOST_VALUES} paths and hosts ({_RULES}), or add a second route"
            raise InvalidOptionError(path, "path_patterns", f"has {len(values)} values with host_headers", fix)
        for pattern in self.path_patterns:
            if not _PATTERN.fullmatch(pattern):
                fix = "Use a path such as /search/*, of at most 128 characters"
                raise InvalidOptionError(path, "path_patterns", f"contains {pattern!r}", fix)
        for host in self.host_headers:
            if not re.fullmatch(r"[A-Za-z0-9*?.-]{1,128}", host):
                fix = "Use a host such as search.example.com or *.example.com"
                raise InvalidOptionError(path, "host_headers", f"contains {host!r}", fix)
        check_no_repetition(path, "path_patterns", self.path_patterns)
        check_no_repetition(path, "host_headers", self.host_headers)
        if not _PATH.fullmatch(self.health_check_path):
            fix = f"Use a path such as /health ({_HEALTH})"
            raise InvalidOptionError(path, "health_check_path", f"is {self.health_check_path!r}", fix)
        check_duration(
            path, "deregistration_delay", self.deregistration_delay, low=seconds(0), high=minutes(60), source=_GROUPS
        )

    def conditions(self) -> list[elbv2.ListenerCondition]:
        """Return the conditions of the listener's rule."""
        paths = list(self.path_patterns) or ([] if self.host_headers else ["/*"])
        return [
            *([elbv2.ListenerCondition.path_patterns(paths)] if paths else []),
            *([elbv2.ListenerCondition.host_headers(list(self.host_headers))] if self.host_headers else []),
        ]
