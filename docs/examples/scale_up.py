"""A server and its database that are bigger by day, and bigger still when the server has too much to do."""

from aws_cdk import Duration, Stack, TimeZone
from aws_cdk import aws_rds as rds
from aws_cdk import aws_scheduler as scheduler

from cdp_constructs import DatabaseCapacity, ScaleUp, TaskSize
from docs.examples.stamp import build as counter_of

SMALL, LARGE = TaskSize(cpu=256, memory_limit_mib=512), TaskSize(cpu=2048, memory_limit_mib=4096)


def _at(hour: str) -> scheduler.ScheduleExpression:
    return scheduler.ScheduleExpression.cron(hour=hour, minute="0", week_day="MON-FRI", time_zone=TimeZone.ASIA_TOKYO)


def build(stack: Stack) -> ScaleUp:
    """Add the server and both changes of size to a stack."""
    counter = counter_of(stack)
    size = ScaleUp(stack, "CounterSize", service=counter)
    size.scale_on_schedule("Morning", schedule=_at("8"), size=TaskSize(cpu=1024, memory_limit_mib=2048))
    size.scale_on_schedule("Evening", schedule=_at("20"), size=SMALL)
    busy = counter.service.metric_cpu_utilization(period=Duration.minutes(5)).create_alarm(
        stack, "Busy", threshold=85, evaluation_periods=3
    )
    size.scale_on_alarm("Emergency", alarm=busy, size=LARGE)
    orders = rds.DatabaseCluster.from_database_cluster_attributes(stack, "Orders", cluster_identifier="orders")
    capacity = ScaleUp(stack, "OrdersCapacity", database=orders)
    capacity.scale_on_schedule("Morning", schedule=_at("8"), size=DatabaseCapacity(min_capacity=8, max_capacity=64))
    capacity.scale_on_schedule("Evening", schedule=_at("20"), size=DatabaseCapacity(min_capacity=0.5, max_capacity=16))
    return size
