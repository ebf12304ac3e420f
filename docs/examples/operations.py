"""A stack whose operators get mails of alarms, one state for everything, a dashboard, and saved log queries."""

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from cdp_constructs import (
    AlarmTopic,
    SnsSqsFanout,
    StackContents,
    add_composite_alarm,
    add_dashboard,
    add_log_queries,
)
from cdp_constructs.core.runbooks import use_runbooks
from cdp_constructs.operations.dashboards import graph


class ShopStack(Stack):
    """Orders, and what their operators look at."""

    def __init__(self, scope: Construct, construct_id: str, **kwargs: Any) -> None:
        """Build the stack; the operators' view comes last."""
        super().__init__(scope, construct_id, **kwargs)
        use_runbooks(self, "https://wiki.example.com/runbooks")
        alarms = AlarmTopic(self, "Alarms", email="operators@example.com")
        orders = SnsSqsFanout(self, "Orders", alarm_topic=alarms.topic)
        orders.add_subscriber("Billing")

        contents = StackContents(self)
        add_composite_alarm(self, "ShopAlarm", contents.alarms, alarm_topic=alarms.topic, what="the shop")
        add_dashboard(self, "Dashboard", contents, rows=[[graph("Orders", orders.metric_published())]])
        add_log_queries(self, "LogQueries", contents)
