"""Board D8, Sketch Book!!: alarms for the Regions that get no users."""

from aws_cdk import Environment, Stack
from constructs import Construct

from cdp_constructs import MultiRegionLatencyRouting
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.parts import add_alarm_topic

__all__ = ["SketchBookHealthStack"]


class SketchBookHealthStack(Stack):
    """Health checks of both Regions have their metrics in us-east-1; the stacks that make them do not wait for these.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: us-east-1.
        configuration: What the operator decides.
        america: Leads to North America.
        asia: Leads to the other Region.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        env: Environment,
        configuration: DojoConfiguration,
        america: MultiRegionLatencyRouting,
        asia: MultiRegionLatencyRouting,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Sketch Book!!: alarms of its health checks")
        alarm_topic = add_alarm_topic(self, configuration)
        for routing in (america, asia):
            routing.add_alarm(self, f"{routing.region}-Unhealthy", alarm_topic=alarm_topic)
