"""Replicated Database: a writer and readers in several zones, and in other Regions."""

import re
from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.clients import principal_of
from cdp_constructs.core.existing_secrets import let_read
from cdp_constructs.core.names import lower_case_name
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import region_of, stack_of
from cdp_constructs.core.periods import days
from cdp_constructs.core.places import Allowed, elsewhere
from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.database._alarms import add_database_alarms, cluster_metric, notify_of_failovers
from cdp_constructs.database._clusters import Durability, add_cluster, add_network, check_backup_retention
from cdp_constructs.database._credentials import USER, add_rotation, add_secret, managed, managed_secret
from cdp_constructs.database._instance_classes import memory_gib, most_connections
from cdp_constructs.database._reader_scaling import scale_readers
from cdp_constructs.database._users import grant_user
from cdp_constructs.database.database_replica import DatabaseReplica

__all__ = ["ReplicatedDatabase"]

_LIMITS = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/CHAP_Limits.html"
_MOST_READERS = 15
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@checks_options
class ReplicatedDatabase(Construct):
    """Keeps relational data on a writer and readers in different zones; a reader takes over when the writer fails.

    CDP: DB Replication / DBレプリケーション パターン, with Read Replica / リードレプリカ パターン.

    Aurora PostgreSQL, reached over TLS only and by granted clients only. The module ``replicated_database`` reads from
    a reader when it has the author's last write, and connects anew after a failover::

        orders = ReplicatedDatabase(self, "Orders", vpc=network.vpc, readers=2, alarm_topic=operators)
        orders.grant_connect(shop_service)
    """

    vpc: ec2.IVpc
    """The network."""
    security_group: ec2.SecurityGroup
    """Of the instances; it lets in whom ``grant_connect`` names."""
    connections: ec2.Connections
    """Who may connect, to port 5432."""
    cluster: rds.CfnDBCluster
    """The cluster: its two endpoints are the writer's and the readers'."""
    instances: tuple[rds.CfnDBInstance, ...]
    """The instances; the first one is the writer when the cluster is made."""
    secret: secretsmanager.ISecret
    """User name and password of the administrator, rotated."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where keys of AWS encrypt."""
    global_cluster: rds.CfnGlobalCluster | None
    """The Global Database, if it is one."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc | None = None,
        database_name: str = "main",
        instance_type: ec2.InstanceType | None = None,
        readers: int = 1,
        max_readers: int | None = None,
        backup_retention: Duration | None = None,
        global_database: bool = False,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the database.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            vpc: An existing network with isolated or private subnets in two zones or more. Default: a new one with
                isolated subnets, flow logs, and no NAT.
            database_name: Name of the first database: a lower-case letter, then letters, digits and ``_``, at most 63.
                Default: ``main``.
            instance_type: Class of every instance: t3 or t4g in medium or large, or of an r family. Default:
                r8g.large. A Global Database needs an r family.
            readers: Readers, 1 to 15, each in the next zone. Default: 1.
            max_readers: Readers at most, up to 15: more are added above 60 % CPU. Default: as many as ``readers``.
            backup_retention: How long one can go back to any second, 1 to 35 days
                (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Managing.Backups.html). Default:
                14 days.
            global_database: Whether other Regions can follow, see ``add_replica_region``. The secret is then rotated
                by a function every 30 days, otherwise by RDS every 7 days.
            encryption_key: A customer-managed key for data, backups, secret and logs; changing it later replaces the
                cluster. Default: keys of AWS.
            alarm_topic: Receives the alarms, and the events of failovers. Default: no alarms.
            log_retention: How long the database's log and flow logs are kept. Default: 3 months.
            removal_policy: What happens to the data when the stack is deleted. Default: kept, and protected from
                deletion.

        Raises:
            InvalidOptionError: for numbers out of range, classes that Aurora PostgreSQL does not have, a network in one
                zone, or resources of another Region.
        """
        super().__init__(scope, construct_id)
        kind = instance_type or ec2.InstanceType("r8g.large")
        retention = backup_retention or days(14)
        memory = memory_gib(self, kind)
        self._check(database_name, kind, readers, max_readers, retention, is_global=global_database)
        self.encryption_key = encryption_key
        self._name, self._kind = database_name, kind
        self._durability = Durability(
            encryption_key,
            retention,
            minor_upgrades=not global_database,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        network = add_network(self, vpc, self._durability, reaches_secrets=global_database)
        self.vpc, self.security_group, self.connections = network.vpc, network.security_group, network.connections
        own = (
            add_secret(self, encryption_key=encryption_key, removal_policy=removal_policy) if global_database else None
        )
        password = (
            managed(encryption_key)
            if own is None
            else {
                "master_username": USER,
                "master_user_password": own.secret_value_from_json("password").unsafe_unwrap(),  # a dynamic reference
            }
        )
        made = add_cluster(
            self,
            network,
            self._durability,
            instance_type=kind,
            instances=readers + 1,
            database_name=database_name,
            **password,
        )
        self.cluster, self.instances = made.cluster, made.instances
        if own is None:
            self.secret = managed_secret(self, self.cluster, encryption_key)
        else:
            self.secret = own
            add_rotation(self, own, self.cluster, network, alarm_topic)
        self.global_cluster = self._add_global_cluster() if global_database else None
        if max_readers is not None and max_readers > readers:
            scale_readers(self, self.cluster, fewest=readers, most=max_readers)
        add_database_alarms(
            self, self.cluster, memory=memory, connections=most_connections(memory), alarm_topic=alarm_topic
        )
        notify_of_failovers(self, self.cluster, alarm_topic)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this database; none without ``alarm_topic``."""
        return alarms_of(self)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that the module ``replicated_database`` reads, for a container or a function."""
        return {
            "DATABASE_WRITER": self.cluster.attr_endpoint_address,
            "DATABASE_READER": self.cluster.attr_read_endpoint_address,
            "DATABASE_NAME": self._name,
            "DATABASE_SECRET": self.secret.secret_arn,
        }

    def grant_connect(self, client: ec2.IConnectable, *, user: str | None = None) -> iam.Grant:
        """Let an ECS service, a function or an instance connect: its security group, and its role.

        Args:
            client: Whose security group is let in, and whose role is granted; of an ECS service the task role.
            user: A database user that is a member of ``rds_iam``: the role signs in as this user with IAM, and needs no
                secret. Set ``DATABASE_USER`` for the module. Default: the role may read the administrator's secret.

        Raises:
            InvalidOptionError: when the client has no role, or the user no name.
        """
        grantee = principal_of(self, client)
        grant = let_read(self.secret, grantee) if user is None else grant_user(self, self.cluster, grantee, user)
        self.connections.allow_default_port_from(client)
        return grant

    @elsewhere(
        vpc=Allowed.ANY_REGION, encryption_key=Allowed.ANY_REGION, alarm_topic=Allowed.ANY_REGION
    )  # the replica checks them
    def add_replica_region(
        self,
        scope: Construct,
        construct_id: str,
        *,
        instances: int = 1,
        vpc: ec2.IVpc | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
    ) -> DatabaseReplica:
        """Let a cluster in another Region follow, as part of the Global Database.

        Args:
            scope: A construct in a stack of the other Region.
            construct_id: Id inside ``scope``.
            instances: How many instances, 1 to 16. Default: 1.
            vpc: An existing network of that Region. Default: a new one.
            encryption_key: A customer-managed key of that Region. Default: a new one.
            alarm_topic: Receives the alarms there. Default: no alarms.

        Raises:
            InvalidOptionError: without ``global_database``, and for a stack of this database's own Region.
        """
        if self.global_cluster is None:
            fix = "Make the database with global_database=True"
            raise InvalidOptionError(self, "global_database", "is False, but another Region is to follow", fix)
        region = region_of(stack_of(scope))
        if region == region_of(stack_of(self)):
            fix = "Give a construct in a stack of another Region"
            raise InvalidOptionError(self, "scope", f"is in {region}, the Region of the database", fix)
        replica = DatabaseReplica(
            scope,
            construct_id,
            global_cluster_identifier=self._global_name(),
            instance_type=self._kind,
            instances=instances,
            vpc=vpc,
            backup_retention=self._durability.backup_retention,
            encryption_key=encryption_key,
            alarm_topic=alarm_topic,
            log_retention=self._durability.log_retention,
            removal_policy=self._durability.removal_policy,
        )
        stack_of(replica).add_dependency(stack_of(self), "A Global Database has its first Region first")
        return replica

    def metric_replica_lag(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Milliseconds by which the slowest reader is behind the writer. Maximum over 5 minutes by default."""
        return cluster_metric(self.cluster, "AuroraReplicaLagMaximum", "max", period=period)

    def metric_connections(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Connections of the instance that has most of them. Maximum over 5 minutes by default."""
        return cluster_metric(self.cluster, "DatabaseConnections", "max", period=period)

    def _global_name(self) -> str:
        # The other Regions name it, too.
        return f"{lower_case_name(self, max_length=56)}-global"

    def _add_global_cluster(self) -> rds.CfnGlobalCluster:
        made = rds.CfnGlobalCluster(
            self,
            "GlobalCluster",
            global_cluster_identifier=self._global_name(),
            source_db_cluster_identifier=self.cluster.attr_db_cluster_arn,
            deletion_protection=self._durability.removal_policy is RemovalPolicy.RETAIN,
        )
        made.apply_removal_policy(self._durability.removal_policy)
        return made

    def _check(
        self,
        database_name: str,
        kind: ec2.InstanceType,
        readers: int,
        max_readers: int | None,
        retention: Duration,
        *,
        is_global: bool,
    ) -> None:
        if Token.is_unresolved(database_name) or not _NAME.fullmatch(database_name):
            fix = "Use a lower-case letter, then letters, digits and _, at most 63, such as orders"
            raise InvalidOptionError(self, "database_name", f"is {database_name!r}", fix)
        check_range(self, "readers", readers, low=1, high=_MOST_READERS, unit="readers", source=_LIMITS)
        if max_readers is not None:
            check_range(
                self, "max_readers", max_readers, low=readers, high=_MOST_READERS, unit="readers", source=_LIMITS
            )
        check_backup_retention(self, retention)
        if is_global and kind.to_string().startswith("t"):
            fix = "Use a class of an r family, such as r8g.large: Global Databases have no burstable ones"
            raise InvalidOptionError(self, "instance_type", f"is {kind.to_string()!r}", fix)
