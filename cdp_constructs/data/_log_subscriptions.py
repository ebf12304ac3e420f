"""Log groups whose events are collected."""

from collections.abc import Collection

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["Subscriber", "check_log_group", "log_groups_of", "name_services"]


class Subscriber(Construct):
    """The subscription filter of a log group, and its alarm; with the log group, which may be of another stack.

    Args:
        log_group: Whose events are collected.
        aggregation: Which collects them.
        service: Whose lines they are. It is the filter's name, which CloudWatch Logs sends with the events.
        pattern: Which events; "" for all.
        delivery_stream: Receives them.
        role: CloudWatch Logs puts them under it.
        alarm_topic: Receives the alarm; None leaves it out.
    """

    filter: logs.CfnSubscriptionFilter
    """The filter."""

    def __init__(
        self,
        log_group: logs.ILogGroup,
        *,
        aggregation: Construct,
        service: str,
        pattern: str,
        delivery_stream: firehose.CfnDeliveryStream,
        role: iam.IRole,
        alarm_topic: sns.ITopic | None,
    ) -> None:
        # An imported log group may be a mere interface, which cannot have children.
        owner = log_group if isinstance(log_group, Construct) else stack_of(log_group)
        super().__init__(owner, f"LogAggregation{aggregation.node.addr[-8:]}{log_group.node.addr[-8:]}")
        self.filter = logs.CfnSubscriptionFilter(
            self,
            "Subscription",
            log_group_name=log_group.log_group_name,
            filter_name=service,
            filter_pattern=pattern,
            destination_arn=delivery_stream.attr_arn,
            role_arn=role.role_arn,
        )
        # CloudWatch Logs tries a destination when the filter is made.
        self.filter.node.add_dependency(role)
        lost = cloudwatch.Metric(
            namespace="AWS/Logs",
            metric_name="DeliveryErrors",
            dimensions_map={
                "LogGroupName": log_group.log_group_name,
                "DestinationType": "Firehose",
                "FilterName": service,
            },
            statistic="sum",
            period=minutes(5),
        )
        add_alarm(
            self,
            "LostLinesAlarm",
            lost,
            alarm_topic=alarm_topic,
            description=f"{path_of(aggregation)}: events of {log_group.node.path} are not collected. Look at the role "
            "of the subscription filter and at the delivery stream; they stay in the log group, and nowhere else.",
        )


def check_log_group(aggregation: Construct, log_group: logs.ILogGroup, collected: Collection[str]) -> None:
    """Refuse a log group that cannot be collected.

    Args:
        aggregation: Which would collect it.
        log_group: The log group.
        collected: The paths of those that it collects.

    Raises:
        InvalidOptionError: it is collected already, belongs to the aggregation, or
            takes no subscription filter.
    """
    path = log_group.node.path
    if path in collected:
        raise InvalidOptionError(aggregation, "log_group", f"is {path}, which is collected", "Add each log group once")
    if _is_own(aggregation, log_group):
        problem = f"is {path}, whose lines would cause lines without end"
        raise InvalidOptionError(aggregation, "log_group", problem, "Leave it out, and read it in CloudWatch Logs")
    if _takes_no_filter(log_group):
        problem = f"is {path}, of the class Infrequent Access, which takes no subscription filter"
        raise InvalidOptionError(aggregation, "log_group", problem, "Give it the class Standard")


def log_groups_of(aggregation: Construct, scope: IConstruct, collected: Collection[str]) -> list[logs.ILogGroup]:
    """Return the log groups that are made below a construct, and can be added to an aggregation.

    Args:
        aggregation: Which would collect them.
        scope: The construct.
        collected: The paths of those that it collects.
    """
    found = [each for each in scope.node.find_all() if isinstance(each, logs.LogGroup)]
    return [each for each in found if not _is_own(aggregation, each) and each.node.path not in collected]


def name_services(table: glue.CfnTable, services: list[str]) -> None:
    """Let queries know for which services there may be lines."""
    projection = "TableInput.Parameters.projection\\.service\\."
    table.add_property_override(f"{projection}type", "enum")
    table.add_property_override(f"{projection}values", ",".join(services))


def _is_own(aggregation: Construct, log_group: IConstruct) -> bool:
    return aggregation in log_group.node.scopes


def _takes_no_filter(log_group: logs.ILogGroup) -> bool:
    resource = log_group.node.default_child
    return isinstance(resource, logs.CfnLogGroup) and resource.log_group_class == "INFREQUENT_ACCESS"
