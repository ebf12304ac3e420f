"""In-Memory Cache: what is read often, in the memory of servers in several zones."""

import re
from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.cache._alarms import add_cache_alarms, of_all_nodes
from cdp_constructs.cache._replication_group import PORT, add_group, add_token, group_name, node_names
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.clients import principal_of
from cdp_constructs.core.existing_secrets import check_secret, let_read
from cdp_constructs.core.isolated_networks import add_isolated_vpc, data_subnets
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.security_groups import described
from cdp_constructs.core.validation import InvalidOptionError, check_range

__all__ = ["InMemoryCache"]

_NODES = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html"
_ZONES = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html"
_NODE_TYPE = re.compile(r"cache\.[a-z0-9-]+\.[a-z0-9]+")
_MOST_REPLICAS = 5
_FEWEST_ZONES = 2


@checks_options
class InMemoryCache(Construct):
    """Keeps what is read often in the memory of servers in different zones; a replica takes over when one fails.

    CDP: Inmemory DB Cache / インメモリDBキャッシュ パターン, with Cache Proxy / キャッシュプロキシ パターン.

    Valkey on ElastiCache, reached over TLS with a token only and by granted clients only. The module ``cache_aside``
    loads a value once however many ask for it, and asks the source when the cache is away::

        cache = InMemoryCache(self, "Products", vpc=network.vpc, alarm_topic=operators)
        cache.grant_connect(shop_service)
    """

    vpc: ec2.IVpc
    """The network."""
    security_group: ec2.SecurityGroup
    """Of the nodes; it lets in whom ``grant_connect`` names."""
    connections: ec2.Connections
    """Who may connect, to port 6379."""
    group: elasticache.CfnReplicationGroup
    """The replication group: its primary endpoint stays the same after a failover."""
    token: secretsmanager.ISecret
    """Field ``token`` is what clients sign in with."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where keys of AWS encrypt."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc | None = None,
        node_type: str = "cache.t4g.small",
        replicas: int = 1,
        token: secretsmanager.ISecret | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the cache.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            vpc: An existing network with isolated or private subnets in two zones or more. Default: a new one with
                isolated subnets, flow logs, and no NAT.
            node_type: Type of every node, such as ``cache.r7g.large``
                (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html). Default:
                cache.t4g.small, 1.37 GiB.
            replicas: Replicas in other zones, 1 to 5. Default: 1.
            token: An existing secret whose field ``token`` is 16 to 128 letters and digits; of another account:
                imported by its complete ARN and with its key, and its resource policy decides. Default: a new one.
            encryption_key: A customer-managed key for data at rest, the new token and logs; changing it later replaces
                the cache. Default: keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the slow log and flow logs are kept. Default: 3 months.
            removal_policy: What happens to the logs when the stack is deleted; the cache itself is deleted, as it has
                nothing that is not somewhere else. Default: kept.

        Raises:
            InvalidOptionError: for a number out of range, a name that is no type of nodes, a network in one zone, a
                secret of another account that cannot be read, or resources of another Region.
        """
        super().__init__(scope, construct_id)
        check_range(self, "replicas", replicas, low=1, high=_MOST_REPLICAS, unit="replicas", source=_ZONES)
        if not Token.is_unresolved(node_type) and not _NODE_TYPE.fullmatch(node_type):
            fix = f"Use a type such as cache.t4g.small or cache.r7g.large ({_NODES})"
            raise InvalidOptionError(self, "node_type", f"is {node_type!r}", fix)
        check_secret(self, "token", token, readers="the role that deploys the stack and the roles of clients")
        self.encryption_key = encryption_key
        self.vpc = vpc or add_isolated_vpc(
            self,
            subnet_name="Cache",
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        subnets = data_subnets(self, self.vpc, fewest=_FEWEST_ZONES, source=_ZONES)
        self.security_group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self.vpc,
            description=described(f"Cache of {path_of(self)}"),
            allow_all_outbound=False,
        )
        self.connections = ec2.Connections(security_groups=[self.security_group], default_port=ec2.Port.tcp(PORT))
        self.token = token or add_token(self, encryption_key=encryption_key)
        name = group_name(self)
        self._nodes = node_names(name, replicas)
        self.group = add_group(
            self,
            name,
            subnets=subnets,
            security_group=self.security_group,
            node_type=node_type,
            replicas=replicas,
            token=self.token,
            encryption_key=encryption_key,
            log_group=add_log_group(
                self,
                "SlowLog",
                log_retention=log_retention,
                removal_policy=removal_policy,
                encryption_key=encryption_key,
            ),
        )
        add_cache_alarms(self, self._nodes, alarm_topic)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this cache; none without ``alarm_topic``."""
        return alarms_of(self)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that the module ``cache_aside`` reads, for a container or a function."""
        return {
            "CACHE_HOST": self.group.attr_primary_end_point_address,
            "CACHE_PORT": str(PORT),
            "CACHE_SECRET": self.token.secret_arn,
        }

    def grant_connect(self, client: ec2.IConnectable) -> iam.Grant:
        """Let an ECS service, a function or an instance connect: its security group, and its role reads the token.

        Args:
            client: Whose security group is let in, and whose role is granted; of an ECS service the task role.

        Raises:
            InvalidOptionError: when the client has no role.
        """
        grantee = principal_of(self, client)
        self.connections.allow_default_port_from(client)
        return let_read(self.token, grantee)

    def metric_evictions(self, *, period: Duration | None = None) -> cloudwatch.IMetric:
        """Values that a node has forgotten for want of memory. Largest sum of a node over 5 minutes by default."""
        return of_all_nodes(self._nodes, "Evictions", "sum", "MAX", period=period)

    def metric_hit_rate(self, *, period: Duration | None = None) -> cloudwatch.IMetric:
        """Reads that found a value, in percent, of the node that has fewest. Average over 5 minutes by default."""
        return of_all_nodes(self._nodes, "CacheHitRate", "avg", "MIN", period=period)
