"""DatabaseReplica: the readers of a database in another Region, which can take over."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.clients import principal_of
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.validation import check_range
from cdp_constructs.database._alarms import add_database_alarms, cluster_metric, notify_of_failovers
from cdp_constructs.database._clusters import Durability, add_cluster, add_network, check_backup_retention
from cdp_constructs.database._instance_classes import memory_gib, most_connections
from cdp_constructs.database._users import grant_user

__all__ = ["DatabaseReplica"]

_LIMITS = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database.html"
_MOST_READERS = 16


@checks_options
class DatabaseReplica(Construct):
    """A cluster of another Region that follows a ``ReplicatedDatabase``; ``add_replica_region`` makes it.

    Its instances answer reads about a second behind the writer, and one of them becomes the writer when the Global
    Database is switched or failed over to this Region. Clients sign in with IAM::

        replica = orders.add_replica_region(tokyo_stack, "Orders", instances=2)
        replica.grant_connect(reports, user="reports")
    """

    vpc: ec2.IVpc
    """The network."""
    security_group: ec2.SecurityGroup
    """Of the instances."""
    connections: ec2.Connections
    """Who may connect, to port 5432."""
    cluster: rds.CfnDBCluster
    """The cluster of this Region."""
    instances: tuple[rds.CfnDBInstance, ...]
    """Its instances."""
    encryption_key: kms.IKey
    """Encrypts this Region's copy."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        global_cluster_identifier: str,
        instance_type: ec2.InstanceType,
        instances: int = 1,
        vpc: ec2.IVpc | None = None,
        backup_retention: Duration,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the cluster; use ``add_replica_region`` of the database.

        Args:
            scope: A construct in a stack of the other Region.
            construct_id: Id inside ``scope``.
            global_cluster_identifier: Name of the Global Database.
            instance_type: Class of the instances.
            instances: How many, 1 to 16. Default: 1.
            vpc: An existing network with isolated or private subnets in two zones. Default: a new one.
            backup_retention: How long backups are kept.
            encryption_key: A customer-managed key of this Region. Default: a new one, which copies of encrypted
                clusters need.
            alarm_topic: Receives the alarms; of this Region. Default: no alarms.
            log_retention: How long logs are kept. Default: 3 months.
            removal_policy: What happens to the cluster when the stack is deleted. Default: kept.

        Raises:
            InvalidOptionError: for numbers out of range, and resources of another Region.
        """
        super().__init__(scope, construct_id)
        check_range(self, "instances", instances, low=1, high=_MOST_READERS, unit="instances", source=_LIMITS)
        check_backup_retention(self, backup_retention)
        memory = memory_gib(self, instance_type)
        self.encryption_key = encryption_key or add_key(
            self,
            "EncryptionKey",
            description=f"Encrypts the database {path_of(self)}",
            removal_policy=removal_policy,
        )
        durability = Durability(
            self.encryption_key,
            backup_retention,
            minor_upgrades=False,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        network = add_network(self, vpc, durability)
        self.vpc, self.security_group, self.connections = network.vpc, network.security_group, network.connections
        made = add_cluster(
            self,
            network,
            durability,
            instance_type=instance_type,
            instances=instances,
            global_cluster_identifier=global_cluster_identifier,
        )
        self.cluster, self.instances = made.cluster, made.instances
        add_database_alarms(
            self, self.cluster, memory=memory, connections=most_connections(memory), alarm_topic=alarm_topic
        )
        notify_of_failovers(self, self.cluster, alarm_topic)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this Region; none without ``alarm_topic``."""
        return alarms_of(self)

    def grant_connect(self, client: ec2.IConnectable, *, user: str) -> iam.Grant:
        """Let an ECS service, a function or an instance of this Region connect as a database user, with IAM.

        Args:
            client: Whose security group is let in, and whose role may connect.
            user: A database user that is a member of ``rds_iam``; users are the same in all Regions.

        Raises:
            InvalidOptionError: when the client has no role, or the user no name.
        """
        grantee = principal_of(self, client)
        self.connections.allow_default_port_from(client)
        return grant_user(self, self.cluster, grantee, user)

    def metric_replica_lag(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Milliseconds by which this Region is behind the writer's. Maximum over 5 minutes by default."""
        return cluster_metric(self.cluster, "AuroraGlobalDBReplicationLag", "max", period=period)
