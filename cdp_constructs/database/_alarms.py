"""The alarms of a database: what its cluster measures, and the events of a failover."""

from aws_cdk import Annotations, Duration, Resource
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.keys import let_service_use_key
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes

__all__ = ["add_database_alarms", "cluster_metric", "notify_of_failovers"]

_LAG_MILLISECONDS = 2_000
_CPU_PERCENT = 80
_SHARE_OF_CONNECTIONS = 0.8
_SHARE_OF_MEMORY = 0.05
_EVENTS = "events.rds.amazonaws.com"


def cluster_metric(
    cluster: rds.CfnDBCluster, name: str, statistic: str, *, period: Duration | None = None
) -> cloudwatch.Metric:
    """Return a metric of all instances of a cluster."""
    return cloudwatch.Metric(
        namespace="AWS/RDS",
        metric_name=name,
        dimensions_map={"DBClusterIdentifier": cluster.ref},
        statistic=statistic,
        period=period or minutes(5),
    )


def add_database_alarms(
    scope: Construct,
    cluster: rds.CfnDBCluster,
    *,
    memory: int,
    connections: int,
    alarm_topic: sns.ITopic | None,
) -> None:
    """Add the alarms, or none without a topic.

    Args:
        scope: The pattern.
        cluster: Its cluster.
        memory: Memory of an instance, in GiB.
        connections: How many connections an instance takes.
        alarm_topic: Receives them.
    """
    if alarm_topic is None:
        return
    where = f"{path_of(scope)}: {{}}"
    add_alarm(
        scope,
        "ReplicaLagAlarm",
        cluster_metric(cluster, "AuroraReplicaLagMaximum", "max"),
        alarm_topic=alarm_topic,
        threshold=_LAG_MILLISECONDS,
        description=where.format("a reader has been 2 seconds or more behind the writer."),
    )
    add_alarm(
        scope,
        "ConnectionsAlarm",
        cluster_metric(cluster, "DatabaseConnections", "max"),
        alarm_topic=alarm_topic,
        threshold=int(connections * _SHARE_OF_CONNECTIONS),
        description=where.format(f"an instance has 80 % of the {connections} connections that it takes."),
    )
    add_alarm(
        scope,
        "CpuAlarm",
        cluster_metric(cluster, "CPUUtilization", "avg").with_(
            dimensions_map={"DBClusterIdentifier": cluster.ref, "Role": "WRITER"}
        ),
        alarm_topic=alarm_topic,
        threshold=_CPU_PERCENT,
        evaluation_periods=3,
        description=where.format("the writer has used 80 % of its CPU for 15 minutes."),
    )
    add_alarm(
        scope,
        "FreeMemoryAlarm",
        cluster_metric(cluster, "FreeableMemory", "min"),
        alarm_topic=alarm_topic,
        threshold=int(memory * 1024**3 * _SHARE_OF_MEMORY),
        evaluation_periods=3,
        comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        description=where.format(f"an instance has less than 5 % of its {memory} GiB of memory left."),
    )


def notify_of_failovers(scope: Construct, cluster: rds.CfnDBCluster, alarm_topic: sns.ITopic | None) -> None:
    """Let RDS publish its events of failovers and failures to the topic."""
    if alarm_topic is None:
        return
    account = {"StringEquals": {"aws:SourceAccount": stack_of(scope).account}}
    statement = iam.PolicyStatement(
        principals=[iam.ServicePrincipal(_EVENTS, conditions=account)],
        actions=["sns:Publish"],
        resources=[alarm_topic.topic_arn],
    )
    subscription = rds.CfnEventSubscription(
        scope,
        "FailoverEvents",
        sns_topic_arn=alarm_topic.topic_arn,
        source_type="db-cluster",
        source_ids=[cluster.ref],
        event_categories=["failover", "failure"],
    )
    if not Resource.is_owned_resource(alarm_topic):
        Annotations.of(scope).add_warning_v2(
            "cdp-constructs:ImportedTopicForFailovers",
            f"The policy of an imported topic is not changed. Make sure that it lets {_EVENTS} publish, and that the "
            "policy of its customer-managed key, if it has one, lets it use the key.",
        )
        return
    added = alarm_topic.add_to_resource_policy(statement)
    if added.policy_dependable is not None:  # RDS tries the topic when it subscribes
        subscription.node.add_dependency(added.policy_dependable)
    if alarm_topic.master_key is not None:
        let_service_use_key(scope, alarm_topic.master_key, _EVENTS)
