"""Alarms when Route 53 routes no users to a Region. The stack is where Route 53 publishes its metrics."""

from typing import TYPE_CHECKING, Any

from aws_cdk import Stack
from constructs import Construct

from cdp_constructs.core.runbooks import use_runbooks
from cdp_constructs.operations.alarm_topic import AlarmTopic
from stacks.chat.operations import RUNBOOKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacks.chat.config import ChatConfiguration
    from stacks.chat.regional_stack import RegionalStack

REGION = "us-east-1"
"""The only Region with metrics of health checks, wherever the chat runs."""


class RoutingAlarmsStack(Stack):
    """One alarm for each Region that the latency routing can choose."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        configuration: "ChatConfiguration",
        regions: "Mapping[str, RegionalStack]",
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, description="Chat: alarms of the latency routing", **kwargs)
        use_runbooks(self, configuration.runbook_base_url or RUNBOOKS)
        alarms = AlarmTopic(self, "Alarms", email=configuration.alarm_email)
        for region, stack in regions.items():
            if stack.routing is not None:
                stack.routing.add_alarm(self, f"{region}-Unhealthy", alarm_topic=alarms.topic)
