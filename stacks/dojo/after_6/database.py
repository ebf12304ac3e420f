"""Board D2, After 6: its database, one instance in one zone, and the alarms of it."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns

from cdp_constructs import ServiceNetwork
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.periods import days

__all__ = ["add_alarms", "add_database"]

_GIB = 1024**3
_STORAGE_GIB = 100
_MEMORY_GIB = 1
"""Of a t4g.micro."""
_CONNECTIONS = _MEMORY_GIB * _GIB // 9_531_392
"""What max_connections is by default: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html"""


def add_database(stack: Stack, network: ServiceNetwork) -> tuple[rds.DatabaseInstance, secretsmanager.ISecret]:
    """Add the database, and return it with the secret of its user."""
    database = rds.DatabaseInstance(
        stack,
        "Database",
        engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17),
        instance_type=ec2.InstanceType("t4g.micro"),
        vpc=network.vpc,
        vpc_subnets=network.data_subnets,
        security_groups=[network.add_security_group("DatabaseGroup", tier="data")],
        database_name="chat",
        credentials=rds.Credentials.from_generated_secret("chat"),
        allocated_storage=_STORAGE_GIB,
        multi_az=False,
        storage_encrypted=True,
        backup_retention=days(14),
        cloudwatch_logs_exports=["postgresql"],
        deletion_protection=True,
        removal_policy=RemovalPolicy.RETAIN,
    )
    one_zone = "The board has one server and one database; after the loss of its zone it is restored by hand."
    acknowledge(database, "AwsSolutions-RDS3", one_zone)
    port = "Security groups decide who reaches it; another port hides nothing."
    acknowledge(database, "AwsSolutions-RDS11", port)
    assert database.secret is not None  # noqa: S101 - it was asked for
    database.add_rotation_single_user(
        automatically_after=days(30), vpc_subnets=network.service_subnets, exclude_characters="\"'\\/@:%?#&= "
    )
    return database, database.secret


def add_alarms(database: rds.DatabaseInstance, alarm_topic: sns.ITopic) -> None:
    """Add what `ReplicatedDatabase` has of alarms, and one of the storage, which does not grow here."""
    where = f"{database.node.path}: {{}}"
    below = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
    add_alarm(
        database,
        "ConnectionsAlarm",
        database.metric_database_connections(statistic="Maximum"),
        alarm_topic=alarm_topic,
        threshold=int(_CONNECTIONS * 0.8),
        description=where.format(f"the instance has 80 % of the {_CONNECTIONS} connections that it takes."),
    )
    add_alarm(
        database,
        "CpuAlarm",
        database.metric_cpu_utilization(),
        alarm_topic=alarm_topic,
        threshold=80,
        evaluation_periods=3,
        description=where.format("the instance has used 80 % of its CPU for 15 minutes."),
    )
    add_alarm(
        database,
        "FreeMemoryAlarm",
        database.metric_freeable_memory(statistic="Minimum"),
        alarm_topic=alarm_topic,
        threshold=_MEMORY_GIB * _GIB // 20,
        evaluation_periods=3,
        comparison=below,
        description=where.format(f"the instance has less than 5 % of its {_MEMORY_GIB} GiB of memory left."),
    )
    add_alarm(
        database,
        "FreeStorageAlarm",
        database.metric_free_storage_space(statistic="Minimum"),
        alarm_topic=alarm_topic,
        threshold=_STORAGE_GIB * _GIB // 10,
        comparison=below,
        description=where.format(f"the instance has less than 10 % of its {_STORAGE_GIB} GiB of storage left."),
    )
