"""The alarms of both transports: five errors a minute, two minutes in a row."""

from typing import TYPE_CHECKING

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import cloudwatch, sns
from cdp_constructs.core.paths import path_of

if TYPE_CHECKING:
    from constructs import Construct


def add_errors_alarm(
    scope: "Construct",
    construct_id: str,
    metric: "cloudwatch.Metric",
    description: str,
    *,
    alarm_topic: "sns.ITopic | None",
) -> None:
    """Add an alarm for errors that clients notice.

    Args:
        scope: What the errors are of.
        construct_id: Id of the alarm inside it.
        metric: Errors per minute.
        description: What it means and where to look.
        alarm_topic: Receives it; None leaves the alarm out.
    """
    add_alarm(
        scope,
        construct_id,
        metric,
        alarm_topic=alarm_topic,
        threshold=5,
        evaluation_periods=2,
        description=f"{path_of(scope)}: {description}",
    )
