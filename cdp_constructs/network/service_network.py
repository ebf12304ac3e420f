"""ServiceNetwork: a network of three tiers, whose services reach AWS by endpoints and each other by named edges."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import kms, sns
from cdp_constructs.core.flow_logs import add_flow_log
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.security_groups import described
from cdp_constructs.core.validation import (
    InvalidOptionError,
    check_exclusive,
    check_no_repetition,
    check_range,
)
from cdp_constructs.network._endpoints import add_endpoints, endpoints_of_tasks
from cdp_constructs.network._nat_gateways import add_nat_alarms, keep_addresses
from cdp_constructs.network._tiers import FEWEST_ZONES, MOST_ZONES, Tier, existing_tiers, make_vpc

_REFUSED_EDGES = {("public", "data"), ("data", "public"), ("data", "service")}
_HTTPS = 443


@checks_options
class ServiceNetwork(Construct):
    """A VPC of three tiers in two zones or more: public for load balancers, service for servers, data for databases.

    CDP: Functional Firewall / ファンクショナルファイアウォール. Also Operational Firewall, Backnet, IP Pooling and High
    Availability NAT. Services reach AWS by VPC endpoints; nothing reaches the internet unless ``nat_gateways`` is set,
    and security groups let through what ``allow`` names::

        network = ServiceNetwork(self, "Network")
        web = network.add_security_group("Web", tier="service")
        orders = network.add_security_group("Orders", tier="data")
        network.allow(web, orders, port=ec2.Port.tcp(5432))
    """

    vpc: ec2.IVpc
    """The network."""
    public_subnets: ec2.SubnetSelection
    """Where load balancers and NAT gateways are: the only tier with a route from the internet."""
    service_subnets: ec2.SubnetSelection
    """Where servers are."""
    data_subnets: ec2.SubnetSelection
    """Where databases and caches are: no route leaves the network."""
    outgoing_addresses: Sequence[str]
    """The Elastic IP addresses that were made here and that services have on the internet, one for each zone."""
    encryption_key: "kms.IKey | None"
    """Encrypts the flow logs; None for a key of CloudWatch Logs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc | None = None,
        ip_addresses: ec2.IIpAddresses | None = None,
        max_azs: int | None = None,
        nat_gateways: bool | None = None,
        eip_allocation_ids: Sequence[str] | None = None,
        interface_endpoints: Sequence[ec2.InterfaceVpcEndpointAwsService] | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the network.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            vpc: An existing network with public, private or isolated, and isolated subnets, each in two zones or more.
                It gets security groups and nothing else. Default: a new one.
            ip_addresses: The address range, divided among 4 zones; it cannot be changed later. Default: 10.0.0.0/16.
            max_azs: Number of Availability Zones, 2 to 4. A larger number later adds subnets and changes none; the
                Region must have as many. Default: 2.
            nat_gateways: Whether services reach the internet, by a NAT gateway with an Elastic IP address in each zone
                ($32.85 a month each). Default: False.
            eip_allocation_ids: Ids of existing Elastic IP addresses for the NAT gateways, one for each zone; the quota
                is 5 in a Region (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html). Default: new
                ones.
            interface_endpoints: Services of AWS that are reached inside the network ($7.30 a month each, in each zone).
                Default: without NAT gateways what tasks of Amazon ECS need: ECR, CloudWatch Logs and Secrets Manager;
                with them none. S3 and DynamoDB have endpoints without a price in any case.
            encryption_key: A customer-managed key for the flow logs. Default: a key of CloudWatch Logs.
            alarm_topic: Receives an alarm for each NAT gateway. Default: no alarms.
            log_retention: How long flow logs are kept. Default: 3 months.
            removal_policy: What happens to the flow logs and to the Elastic IP addresses that are made here when the
                stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: for a network that lacks a tier, and for options that contradict each other.
        """
        super().__init__(scope, construct_id)
        creation_only = {
            "ip_addresses": ip_addresses,
            "max_azs": max_azs,
            "nat_gateways": nat_gateways,
            "eip_allocation_ids": eip_allocation_ids,
            "interface_endpoints": interface_endpoints,
            "encryption_key": encryption_key,
            "removal_policy": removal_policy,
        }
        check_exclusive(self, {"vpc": vpc}, creation_only)
        self.encryption_key = encryption_key
        self.outgoing_addresses = ()
        self._tiers: dict[str, Tier] = {}
        if vpc is not None:
            self.vpc = vpc
            tiers = existing_tiers(self, vpc)
        else:
            zones = FEWEST_ZONES if max_azs is None else max_azs
            source = "address space is divided among 4 zones"
            check_range(self, "max_azs", zones, low=FEWEST_ZONES, high=MOST_ZONES, unit="zones", source=source)
            self._check_addresses(eip_allocation_ids, zones, nat=bool(nat_gateways))
            self.vpc = made = make_vpc(
                self,
                zones=zones,
                ip_addresses=ip_addresses,
                nat=bool(nat_gateways),
                eip_allocation_ids=eip_allocation_ids,
            )
            tiers = {
                "public": ec2.SubnetSelection(subnet_group_name="Public"),
                "service": ec2.SubnetSelection(subnet_group_name="Service"),
                "data": ec2.SubnetSelection(subnet_group_name="Data"),
            }
            add_flow_log(
                self, made, encryption_key=encryption_key, log_retention=log_retention, removal_policy=removal_policy
            )
            self.outgoing_addresses = keep_addresses(made, removal_policy)
            add_nat_alarms(self, made, alarm_topic)
            if interface_endpoints is None:
                interface_endpoints = () if nat_gateways else endpoints_of_tasks()
            add_endpoints(self, made, interface_endpoints)
        self.public_subnets, self.service_subnets, self.data_subnets = tiers["public"], tiers["service"], tiers["data"]

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this network; none without ``alarm_topic`` and NAT gateways."""
        return alarms_of(self)

    def add_security_group(self, construct_id: str, *, tier: Tier) -> ec2.SecurityGroup:
        """Add a security group for one kind of servers, load balancers or databases, or for those who administer them.

        It lets nothing in, and nothing out but, from the service tier, HTTPS: to AWS by the endpoints, and to the
        internet where there are NAT gateways. ``allow`` adds what passes.

        Args:
            construct_id: Id inside this network.
            tier: Where its members are; ``allow`` refuses edges that leave out a tier.
        """
        group = ec2.SecurityGroup(
            self,
            construct_id,
            vpc=self.vpc,
            description=described(f"{path_of(self)}: {construct_id}, {tier} tier"),
            allow_all_outbound=False,
        )
        if tier == "service":
            # A gateway endpoint has no security group, and no address that is known here.
            group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_HTTPS), "HTTPS to AWS")
        self._tiers[path_of(group)] = tier
        return group

    def allow(self, source: ec2.IConnectable, destination: ec2.IConnectable, *, port: ec2.Port) -> None:
        """Let one security group open connections to another.

        Args:
            source: A security group, or what has one: a service, a function, a load balancer.
            destination: A security group, or what has one.
            port: The port of the destination.

        Raises:
            InvalidOptionError: for an edge between groups of this network from the public to the data tier, or out of
                the data tier.
        """
        start, end = self._tier_of(source), self._tier_of(destination)
        if (start, end) in _REFUSED_EDGES:
            fix = (
                "Allow the edge to a group of the service tier, and from there to the data tier"
                if start == "public"
                else "Leave it out: databases are called and call nobody"
            )
            problem = f"is of the {end} tier, and source of the {start} tier"
            raise InvalidOptionError(self, "destination", problem, f"Change it: {fix[:1].lower()}{fix[1:]}")
        description = described(f"{_name(source)} to {_name(destination)}")
        destination.connections.allow_from(source, port, description)

    def _tier_of(self, connectable: ec2.IConnectable) -> Tier | None:
        groups = connectable.connections.security_groups
        return next((self._tiers[path] for path in map(_path, groups) if path in self._tiers), None)

    def _check_addresses(self, allocations: Sequence[str] | None, zones: int, *, nat: bool) -> None:
        if allocations is None:
            return
        if not nat:
            fix = "Give nat_gateways=True, or leave it out"
            raise InvalidOptionError(self, "eip_allocation_ids", "was given without nat_gateways", fix)
        if len(allocations) != zones:
            fix = f"Give {zones}, one for each zone"
            raise InvalidOptionError(self, "eip_allocation_ids", f"has {len(allocations)} addresses", fix)
        check_no_repetition(self, "eip_allocation_ids", allocations)


def _path(construct: ec2.IConnectable) -> str:
    return str(construct.node.path) if isinstance(construct, Construct) else ""


def _name(connectable: ec2.IConnectable) -> str:
    return _path(connectable).rpartition("/")[2] or "an existing group"
