"""An Aurora PostgreSQL cluster and its instances, in one Region."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.isolated_networks import add_isolated_vpc, data_subnets
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.names import lower_case_name
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days
from cdp_constructs.core.security_groups import described
from cdp_constructs.core.validation import check_duration

__all__ = ["PORT", "Cluster", "Durability", "Network", "add_cluster", "add_network", "check_backup_retention"]

_ENGINE, _ENGINE_VERSION, _FAMILY = "aurora-postgresql", "17.7", "aurora-postgresql17"
PORT = 5432
_BACKUPS = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Managing.Backups.html"
_ZONES = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html"
_FEWEST_ZONES = 2
_LONGEST_NAME = 63


@dataclass(frozen=True)
class Network:
    """Where the instances are, and who may connect."""

    vpc: ec2.IVpc
    subnets: Sequence[ec2.ISubnet]
    security_group: ec2.SecurityGroup
    connections: ec2.Connections


@dataclass(frozen=True)
class Durability:
    """What is kept, and for how long."""

    encryption_key: kms.IKey | None
    backup_retention: Duration
    minor_upgrades: bool
    """Whether instances take new minor versions by themselves; those of a Global Database are upgraded together."""
    log_retention: logs.RetentionDays
    removal_policy: RemovalPolicy


@dataclass(frozen=True)
class Cluster:
    """What was made."""

    cluster: rds.CfnDBCluster
    instances: tuple[rds.CfnDBInstance, ...]


def check_backup_retention(scope: Construct, retention: Duration) -> None:
    """Refuse what is not 1 to 35 whole days.

    Raises:
        InvalidOptionError: naming the limit.
    """
    check_duration(scope, "backup_retention", retention, low=days(1), high=days(35), source=_BACKUPS, unit=days(1))


def add_network(
    scope: Construct, vpc: ec2.IVpc | None, durability: Durability, *, reaches_secrets: bool = False
) -> Network:
    """Take a network or add one, and a security group that lets nobody in.

    Args:
        scope: The pattern.
        vpc: Its option ``vpc``.
        durability: What is kept.
        reaches_secrets: Whether a new network has an endpoint of Secrets Manager, for a function that rotates.
    """
    endpoints = {"Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER} if reaches_secrets else None
    network = vpc or add_isolated_vpc(
        scope,
        subnet_name="Database",
        encryption_key=durability.encryption_key,
        log_retention=durability.log_retention,
        removal_policy=durability.removal_policy,
        endpoints=endpoints,
    )
    subnets = data_subnets(scope, network, fewest=_FEWEST_ZONES, source=_ZONES)
    group = ec2.SecurityGroup(
        scope,
        "SecurityGroup",
        vpc=network,
        description=described(f"Database of {path_of(scope)}"),
        allow_all_outbound=False,
    )
    connections = ec2.Connections(security_groups=[group], default_port=ec2.Port.tcp(PORT))
    return Network(network, subnets, group, connections)


def add_cluster(
    scope: Construct,
    network: Network,
    durability: Durability,
    *,
    instance_type: ec2.InstanceType,
    instances: int,
    **properties: Any,
) -> Cluster:
    """Add a cluster with its instances, each in the next zone.

    Args:
        scope: The pattern.
        network: Where it is.
        durability: What is kept.
        instance_type: The class of every instance.
        instances: How many; the first is the writer, unless the cluster follows another Region.
        properties: Further properties of the cluster, such as who its first user is.
    """
    # Its log group has to be there before the cluster, which would make one that keeps entries for ever.
    name = lower_case_name(scope, max_length=_LONGEST_NAME)
    log_group = add_log_group(
        scope,
        "Logs",
        log_retention=durability.log_retention,
        removal_policy=durability.removal_policy,
        encryption_key=durability.encryption_key,
        name=f"/aws/rds/cluster/{name}/postgresql",
    )
    subnet_group = rds.CfnDBSubnetGroup(
        scope,
        "Subnets",
        db_subnet_group_description=f"Database of {path_of(scope)}",
        subnet_ids=[subnet.subnet_id for subnet in network.subnets],
    )
    parameters = rds.CfnDBClusterParameterGroup(
        scope,
        "Parameters",
        description=f"Database of {path_of(scope)}",
        family=_FAMILY,
        parameters={"rds.force_ssl": "1"},
    )
    key = durability.encryption_key
    is_kept = durability.removal_policy is RemovalPolicy.RETAIN
    cluster = rds.CfnDBCluster(
        scope,
        "Cluster",
        db_cluster_identifier=name,
        engine=_ENGINE,
        engine_version=_ENGINE_VERSION,
        port=PORT,
        db_subnet_group_name=subnet_group.ref,
        db_cluster_parameter_group_name=parameters.ref,
        vpc_security_group_ids=[network.security_group.security_group_id],
        storage_encrypted=True,
        kms_key_id=None if key is None else key.key_arn,
        enable_iam_database_authentication=True,
        enable_cloudwatch_logs_exports=["postgresql"],
        backup_retention_period=int(durability.backup_retention.to_days()),
        copy_tags_to_snapshot=True,
        deletion_protection=is_kept,
        **properties,
    )
    cluster.apply_removal_policy(durability.removal_policy)
    cluster.node.add_dependency(log_group)
    if not is_kept:
        acknowledge(cluster, "AwsSolutions-RDS10", "Its removal policy says that the data goes with the stack.")
    made = tuple(
        _add_instance(
            scope, number, cluster=cluster, network=network, instance_type=instance_type, durability=durability
        )
        for number in range(instances)
    )
    return Cluster(cluster, made)


def _add_instance(
    scope: Construct,
    number: int,
    *,
    cluster: rds.CfnDBCluster,
    network: Network,
    instance_type: ec2.InstanceType,
    durability: Durability,
) -> rds.CfnDBInstance:
    instance = rds.CfnDBInstance(
        scope,
        f"Instance{number + 1}",
        db_cluster_identifier=cluster.ref,
        db_instance_class=f"db.{instance_type.to_string()}",
        engine=_ENGINE,
        availability_zone=network.subnets[number % len(network.subnets)].availability_zone,
        promotion_tier=min(number, 1),
        publicly_accessible=False,
        auto_minor_version_upgrade=durability.minor_upgrades,
    )
    # A cluster that is kept is of no use without its instances; a snapshot is of the cluster.
    is_kept = durability.removal_policy is RemovalPolicy.RETAIN
    instance.apply_removal_policy(RemovalPolicy.RETAIN if is_kept else RemovalPolicy.DESTROY)
    return instance
