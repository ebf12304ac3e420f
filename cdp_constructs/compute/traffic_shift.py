"""TrafficShift: how the calls of a function move from its former version to the new one."""

from dataclasses import KW_ONLY, dataclass

from aws_cdk import Duration
from aws_cdk import aws_codedeploy as codedeploy
from constructs import Construct

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_range

__all__ = ["TrafficShift"]

_CODEDEPLOY = "https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html"
_PER_CENT = "https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_TimeBasedCanary.html"
_ALARM = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"
_LONGEST = Duration.days(2)
_AT_ONCE, _CANARY, _LINEAR = "all at once", "canary", "linear"
# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
_PREDEFINED_PERCENTAGE = 10
_PREDEFINED_MINUTES = {_CANARY: {5, 10, 15, 30}, _LINEAR: {1, 2, 3, 10}}


@checks_options
@dataclass(frozen=True)
class TrafficShift:
    """How the calls of an alias move to a new version; made by ``canary``, ``linear`` or ``all_at_once``.

        ReleasedFunction(self, "Orders", function=orders, traffic=TrafficShift.canary(5, interval=Duration.minutes(15)))

    Raises:
        InvalidOptionError: for values that AWS would refuse.
    """

    kind: str
    """``canary``, ``linear`` or ``all at once``."""
    percentage: int = 100
    """Of the calls, in the first step or in each."""

    _: KW_ONLY

    interval: Duration | None = None
    """Between two steps."""
    max_errors: int = 1
    """Calls of the new version that fail within a minute, from which on it is rolled back."""

    @classmethod
    def all_at_once(cls) -> "TrafficShift":
        """Send every call to the new version at once; only a hook, or an alarm that is raised already, stops it."""
        return cls(_AT_ONCE)

    @classmethod
    def canary(cls, percentage: int = 10, *, interval: Duration | None = None, max_errors: int = 1) -> "TrafficShift":
        """Send some of the calls to the new version, and after a while all of them.

        Args:
            percentage: Of the calls, 1 to 99.
            interval: How long, 1 minute to 2 days in whole minutes. Default: 5 minutes.
            max_errors: Calls of the new version that fail within a minute, 1 or more, from which on it is rolled back.
        """
        return cls(_CANARY, percentage, interval=interval or minutes(5), max_errors=max_errors)

    @classmethod
    def linear(cls, percentage: int = 10, *, interval: Duration | None = None, max_errors: int = 1) -> "TrafficShift":
        """Send more and more of the calls to the new version, in equal steps.

        Args:
            percentage: Of the calls, more in each step, 1 to 99.
            interval: Between two steps, in whole minutes; all of them within 2 days. Default: 1 minute.
            max_errors: Calls of the new version that fail within a minute, 1 or more, from which on it is rolled back.
        """
        return cls(_LINEAR, percentage, interval=interval or minutes(1), max_errors=max_errors)

    def __post_init__(self) -> None:
        """Check the options."""
        if self.kind == _AT_ONCE and self.interval is None:
            return
        path = f"TrafficShift.{self.kind}"
        if self.kind not in _PREDEFINED_MINUTES or self.interval is None:
            fix = "Use TrafficShift.canary(), TrafficShift.linear() or TrafficShift.all_at_once()"
            raise InvalidOptionError("TrafficShift", "kind", f"is {self.kind!r}", fix)
        check_range(path, "percentage", self.percentage, low=1, high=99, unit="percent of the calls", source=_PER_CENT)
        check_duration(
            path, "interval", self.interval, low=minutes(1), high=_LONGEST, source=_CODEDEPLOY, unit=minutes(1)
        )
        check_range(path, "max_errors", self.max_errors, low=1, high=10**6, unit="errors", source=_ALARM)
        steps = -(-100 // self.percentage) - 1
        if self.kind == _LINEAR and steps * self.interval.to_minutes() > _LONGEST.to_minutes():
            whole = f"is {self.interval.to_minutes():g} minutes, and all calls would be moved after {steps} of them"
            fix = f"Use a shorter one, or a larger percentage: it may take 2 days ({_CODEDEPLOY})"
            raise InvalidOptionError(path, "interval", whole, fix)

    @property
    def is_gradual(self) -> bool:
        """Whether two versions get calls for some time."""
        return self.kind != _AT_ONCE

    def configuration(self, scope: Construct) -> "codedeploy.ILambdaDeploymentConfig":
        """Return the deployment configuration: one of AWS's own where there is one, else a new one in ``scope``."""
        if self.interval is None:
            return codedeploy.LambdaDeploymentConfig.ALL_AT_ONCE
        length = int(self.interval.to_minutes())
        if self.percentage == _PREDEFINED_PERCENTAGE and length in _PREDEFINED_MINUTES[self.kind]:
            every = f"Every{length}Minute{'s' * (length > 1)}"
            name = f"Canary10Percent{length}Minutes" if self.kind == _CANARY else f"Linear10Percent{every}"
            return codedeploy.LambdaDeploymentConfig.from_lambda_deployment_config_name(
                scope, "TrafficShift", f"CodeDeployDefault.Lambda{name}"
            )
        routing = (
            codedeploy.TrafficRouting.time_based_canary(interval=self.interval, percentage=self.percentage)
            if self.kind == _CANARY
            else codedeploy.TrafficRouting.time_based_linear(interval=self.interval, percentage=self.percentage)
        )
        return codedeploy.LambdaDeploymentConfig(scope, "TrafficShift", traffic_routing=routing)
