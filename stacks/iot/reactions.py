"""What happens at a device when a threshold is crossed: the desired state of its shadow has something switched on."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import QueueConsumer
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.permissions import allow_on_prefixes
from stacks.iot import HANDLERS

if TYPE_CHECKING:
    from cdp_constructs import FanoutSubscriber, SnsSqsFanout, SpeedLayer
    from stacks.iot.config import Threshold


class Reactions(Construct):
    """Switches something at a device while a threshold is crossed; one that is not connected gets it from its shadow.

    Attributes:
        function: Sets the desired state.
        subscriber: Of the alerts, with the queue that the function works on and its dead-letter queue.
    """

    subscriber: "FanoutSubscriber"

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        alerts: "SnsSqsFanout",
        speed: "SpeedLayer",
        thresholds: "Sequence[Threshold]",
    ) -> None:
        super().__init__(scope, construct_id)
        switches = {threshold.name: threshold.switches for threshold in thresholds if threshold.switches is not None}
        self.function = add_function(
            self,
            "Function",
            handler=HANDLERS / "reactions",
            description="Sets the desired state of devices whose thresholds are crossed",
            invocation=Invocation.EVENT_SOURCE,
            environment={"SWITCHES": json.dumps(switches)},
        )
        speed.share_with(self.function)
        things = Stack.of(self).format_arn(service="iot", resource="thing", resource_name="*")
        allow_on_prefixes(
            self.function,
            "Shadows",
            [iam.PolicyStatement(actions=["iot:GetThingShadow", "iot:UpdateThingShadow"], resources=[things])],
            prefixes=[things],
            reason="Devices come and go; the function changes shadows, and those of things with an alert only.",
        )
        self.subscriber = alerts.add_subscriber(
            "Reactions", consumer=QueueConsumer(self.function), filter_policy={"threshold": sorted(switches)}
        )
