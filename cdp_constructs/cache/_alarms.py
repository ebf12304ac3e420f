"""The alarms of a cache, over all of its nodes."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes

__all__ = ["add_cache_alarms", "of_all_nodes"]

_CPU_PERCENT = 80
_EVICTIONS = 1_000
_LAG_SECONDS = 5
# 65,000 are what a node takes: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/BestPractices.Clients.html
_CONNECTIONS = 52_000


def of_all_nodes(
    nodes: Sequence[str], name: str, statistic: str, whole: str, *, period: Duration | None = None
) -> cloudwatch.MathExpression:
    """Return the largest, the smallest or the sum of what the nodes measure.

    Args:
        nodes: Their names.
        name: The metric.
        statistic: Of each node.
        whole: ``MAX``, ``MIN`` or ``SUM``.
        period: 5 minutes by default.
    """
    metrics = {
        f"node{number}": cloudwatch.Metric(
            namespace="AWS/ElastiCache",
            metric_name=name,
            dimensions_map={"CacheClusterId": node},
            statistic=statistic,
            period=period or minutes(5),
        )
        for number, node in enumerate(nodes)
    }
    return cloudwatch.MathExpression(
        expression=f"{whole}([{', '.join(metrics)}])",
        using_metrics=dict(metrics),
        period=period or minutes(5),
        label=name,
    )


def add_cache_alarms(scope: Construct, nodes: Sequence[str], alarm_topic: sns.ITopic | None) -> None:
    """Add the alarms, or none without a topic."""
    if alarm_topic is None:
        return
    where = f"{path_of(scope)}: {{}}"
    for construct_id, metric, threshold, periods, text in (
        (
            "CpuAlarm",
            of_all_nodes(nodes, "EngineCPUUtilization", "avg", "MAX"),
            _CPU_PERCENT,
            3,
            "the engine of a node has used 80 % of its CPU for 15 minutes.",
        ),
        (
            "EvictionsAlarm",
            of_all_nodes(nodes, "Evictions", "sum", "MAX"),
            _EVICTIONS,
            3,
            "a node is too small: for 15 minutes it has forgotten 1,000 values in every 5.",
        ),
        (
            "ConnectionsAlarm",
            of_all_nodes(nodes, "CurrConnections", "max", "MAX"),
            _CONNECTIONS,
            1,
            "a node has 80 % of the 65,000 connections that it takes.",
        ),
        (
            "ReplicaLagAlarm",
            of_all_nodes(nodes, "ReplicationLag", "max", "MAX"),
            _LAG_SECONDS,
            3,
            "a replica is seconds behind the primary; a failover would lose them.",
        ),
    ):
        add_alarm(
            scope,
            construct_id,
            metric,
            alarm_topic=alarm_topic,
            threshold=threshold,
            evaluation_periods=periods,
            description=where.format(text),
        )
    add_alarm(
        scope,
        "ReplicationAlarm",
        of_all_nodes(nodes, "MasterLinkHealthStatus", "min", "MIN"),
        alarm_topic=alarm_topic,
        evaluation_periods=2,
        comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        description=where.format("a replica does not follow the primary; it cannot take over."),
    )
