"""RegionMesh: networks of several Regions reach each other by Transit Gateways, each peered with each."""

import itertools
from collections.abc import Sequence
from ipaddress import IPv4Network

from aws_cdk import CrossStackReferences, Duration, ReferenceStrength, RemovalPolicy, Tags, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, sns
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import account_of, path_of, stack_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.places import Allowed, concrete_region, elsewhere
from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.network._address_ranges import check_route_tables, range_of, ranges_of_subnets
from cdp_constructs.network._peerings import Peer, RegionPeerings

_FEWEST = 2
_QUOTAS = "https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-quotas.html"
# Peerings of one Transit Gateway, by the quota of attachments that may be peerings.
_MOST = 51
# https://docs.aws.amazon.com/vpc/latest/tgw/create-tgw.html
_ASN_SOURCE = "https://docs.aws.amazon.com/vpc/latest/tgw/create-tgw.html"
_FIRST_ASN, _LAST_ASN = 64_512, 65_534


@checks_options
class RegionMesh(Construct):
    """A Region's part in a full mesh of networks: a Transit Gateway, and routes between chosen subnets of all Regions.

    CDP: CloudHub / クラウドハブ.

    One goes into the stack of each Region's network. The peerings go into a second stack of each Region, because a
    gateway must exist before another Region's can be peered with it. Only what ``vpc_subnets`` selects is reached, and
    reaches what the others select; no Region is the way to a third one::

        for mesh in meshes:
            peerings = Stack(app, f"Peerings-{mesh.region}", env=Environment(region=mesh.region))
            mesh.add_peerings(peerings, "Peerings", meshes=meshes)
    """

    region: str
    """The stack's Region."""
    vpc: ec2.IVpc
    """The network."""
    cidr: str
    """The address range of the network, such as ``10.1.0.0/16``."""
    reachable_cidrs: Sequence[str]
    """The address ranges of the subnets that other Regions reach."""
    transit_gateway: ec2.CfnTransitGateway
    """The Transit Gateway."""
    attachments: dict[str, str]
    """The ids of its peering attachments, by the other Region; empty before ``add_peerings``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        amazon_side_asn: int = _FIRST_ASN,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the Transit Gateway, and attach the network.

        Args:
            scope: A construct in the stack of the Region's network.
            construct_id: Id inside ``scope``.
            vpc: The network. Its address range overlaps with that of no other Region. An imported one needs
                ``vpc_cidr_block``, and of its subnets CIDR blocks, route table ids and Availability Zones.
            vpc_subnets: The subnets that reach those of other Regions and are reached by them, such as
                ``network.service_subnets``. Each zone of them has the gateway in its first one. Default: the private
                subnets.
            amazon_side_asn: The gateway's number in BGP, 64,512 to 65,534, for VPN connections that you add; changing
                it replaces the gateway. Default: 64512.
            alarm_topic: Receives an alarm when packets reach the gateway and have no way on. Default: no alarms.
            log_retention: How long the log of the function that accepts peerings is kept. Default: 3 months.
            removal_policy: What happens to that log when its stack is deleted. Default: it is kept.

        Raises:
            InvalidOptionError: for a stack without a Region, a network without private subnets, or one whose address
                ranges are not known at synthesis.
        """
        super().__init__(scope, construct_id)
        self.region = concrete_region(self)
        self.vpc = vpc
        check_range(
            self, "amazon_side_asn", amazon_side_asn, low=_FIRST_ASN, high=_LAST_ASN, unit="", source=_ASN_SOURCE
        )
        self._subnets = self._selected(vpc, vpc_subnets)
        self.cidr = str(range_of(self, vpc))
        self.reachable_cidrs = [str(one) for one in ranges_of_subnets(self, self._subnets)]
        check_route_tables(self, self._subnets)
        self._log_retention, self._removal_policy = log_retention, removal_policy
        self.attachments = {}
        self._is_peered = False
        self.transit_gateway = ec2.CfnTransitGateway(
            self,
            "TransitGateway",
            description=f"{path_of(self)}: {self.region} in a mesh of Regions"[:255],
            amazon_side_asn=amazon_side_asn,
            # Each attachment has the table that is meant for it, and none by default.
            default_route_table_association="disable",
            default_route_table_propagation="disable",
            auto_accept_shared_attachments="disable",
        )
        Tags.of(self.transit_gateway).add("Name", path_of(self))
        # Another Region reads the id as an output of this stack; a strong reference would be two custom resources.
        CrossStackReferences.of(self.transit_gateway).produce(ReferenceStrength.WEAK)
        self._attach()
        self._add_alarms(alarm_topic)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this Region's gateway; none without ``alarm_topic``."""
        return alarms_of(self)

    @elsewhere(meshes=Allowed.ANYWHERE)  # checked below
    def add_peerings(self, scope: Construct, construct_id: str, *, meshes: "Sequence[RegionMesh]") -> RegionPeerings:
        """Peer this Region's gateway with that of each other Region, and route to them.

        Of two Regions, the one whose peerings are added first asks for the peering; a function in its stack accepts it
        in the other Region and waits until it is available, before anything is routed. Deploy all stacks at once
        (``cdk deploy --all``): each waits for those that it needs.

        Args:
            scope: A construct in a second stack of this Region, which has nothing that a network needs.
            construct_id: Id inside ``scope``.
            meshes: Those of all Regions, 2 to 51; this one may be among them.

        Raises:
            InvalidOptionError: for networks whose address ranges overlap, two of one Region, a peering that was added
                before, a Region of another account, a Region that was left out, or a stack of another Region.
        """
        self._check_scope(scope)
        everybody = [self, *(mesh for mesh in meshes if mesh is not self)]
        self._check_meshes(everybody)
        peerings = RegionPeerings(
            scope,
            construct_id,
            transit_gateway_id=self.transit_gateway.ref,
            route_tables={"network": self._network_routes, "peerings": self._peering_routes},
            subnets=self._subnets,
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )
        for other in everybody[1:]:
            known = self.attachments.get(other.region)
            peer = Peer(other.region, other.transit_gateway.ref, other.reachable_cidrs)
            attachment = peerings.use(peer, known) if known else peerings.make(peer)
            self.attachments[other.region] = other.attachments[self.region] = attachment
        return peerings

    def metric_unrouted_packets(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Packets that the gateway dropped as it had no route. Sum over 5 minutes by default."""
        return self._metric("PacketDropCountNoRoute", period)

    def metric_blackhole_packets(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Packets that the gateway dropped as the peering of their route is gone. Sum over 5 minutes by default."""
        return self._metric("PacketDropCountBlackhole", period)

    def _metric(self, name: str, period: Duration | None) -> "cloudwatch.Metric":
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="AWS/TransitGateway",
            metric_name=name,
            dimensions_map={"TransitGateway": self.transit_gateway.ref},
            statistic="Sum",
            period=period or minutes(5),
        )

    def _selected(self, vpc: ec2.IVpc, selection: ec2.SubnetSelection | None) -> list[ec2.ISubnet]:
        if selection is None:
            if not vpc.private_subnets:
                problem = f"is missing, and {vpc.node.path} has no private ones"
                raise InvalidOptionError(self, "vpc_subnets", problem, "Name the subnets that other Regions reach")
            return list(vpc.private_subnets)
        return list(
            vpc.select_subnets(
                availability_zones=selection.availability_zones,
                one_per_az=selection.one_per_az,
                subnet_filters=selection.subnet_filters,
                subnet_group_name=selection.subnet_group_name,
                subnets=selection.subnets,
                subnet_type=selection.subnet_type,
            ).subnets
        )

    def _attach(self) -> None:
        """Attach the network, with a route table for what comes out of it and one for what comes by peerings."""
        one_of_each_zone = {subnet.availability_zone: subnet.subnet_id for subnet in reversed(self._subnets)}
        attachment = ec2.CfnTransitGatewayVpcAttachment(
            self,
            "NetworkAttachment",
            transit_gateway_id=self.transit_gateway.ref,
            vpc_id=self.vpc.vpc_id,
            subnet_ids=list(reversed(one_of_each_zone.values())),
        )
        tables = {
            name: ec2.CfnTransitGatewayRouteTable(self, name, transit_gateway_id=self.transit_gateway.ref)
            for name in ("NetworkRoutes", "PeeringRoutes")
        }
        for name, table in tables.items():
            Tags.of(table).add("Name", f"{path_of(self)}/{name}")
        self._network_routes, self._peering_routes = (table.ref for table in tables.values())
        ec2.CfnTransitGatewayRouteTableAssociation(
            self,
            "NetworkAssociation",
            transit_gateway_attachment_id=attachment.ref,
            transit_gateway_route_table_id=self._network_routes,
        )
        for number, cidr in enumerate(self.reachable_cidrs, start=1):
            ec2.CfnTransitGatewayRoute(
                self,
                f"NetworkRoute{number}",
                destination_cidr_block=cidr,
                transit_gateway_route_table_id=self._peering_routes,
                transit_gateway_attachment_id=attachment.ref,
            )

    def _add_alarms(self, alarm_topic: "sns.ITopic | None") -> None:
        if alarm_topic is None:
            return
        add_alarm(
            self,
            "LostPeeringAlarm",
            self.metric_blackhole_packets(),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: packets go to a peering of {self.region} that is gone. Look at the peering "
            "attachments of the Transit Gateway in both Regions.",
        )
        add_alarm(
            self,
            "UnroutedPacketsAlarm",
            self.metric_unrouted_packets(),
            alarm_topic=alarm_topic,
            evaluation_periods=3,
            description=f"{path_of(self)}: packets have reached the Transit Gateway of {self.region} for 15 minutes "
            "that no route takes on. Look at its route tables.",
        )

    def _check_scope(self, scope: Construct) -> None:
        theirs = stack_of(scope)
        if theirs is stack_of(self):
            fix = f"Give a second stack of {self.region}: other Regions' gateways are made after this one"
            raise InvalidOptionError(self, "scope", f"is in {path_of(theirs)}, the stack of this gateway", fix)
        if (region := concrete_region(scope)) != self.region:
            fix = f"Give a construct in a stack of {self.region}"
            raise InvalidOptionError(self, "scope", f"is in {region}, but the gateway is in {self.region}", fix)

    def _check_meshes(self, everybody: "Sequence[RegionMesh]") -> None:
        if not _FEWEST <= len(everybody) <= _MOST:
            problem = f"has {len(everybody) - 1} Regions beside {self.region}"
            raise InvalidOptionError(self, "meshes", problem, f"Give those of 1 to {_MOST - 1} others ({_QUOTAS})")
        for one, other in itertools.combinations(everybody, 2):
            both = f"{path_of(one)} and {path_of(other)}"
            if one.region == other.region:
                fix = "Give one of each Region: networks of one Region share a Transit Gateway"
                raise InvalidOptionError(self, "meshes", f"contains {both}, both of {one.region}", fix)
            if IPv4Network(one.cidr).overlaps(IPv4Network(other.cidr)):
                problem = f"contains {both}, whose ranges {one.cidr} and {other.cidr} overlap"
                fix = "Give each network a range of its own, such as 10.1.0.0/16 and 10.2.0.0/16"
                raise InvalidOptionError(self, "meshes", problem, fix)
            accounts = {account_of(stack_of(mesh)) for mesh in (one, other)}
            if len(accounts) > 1 and not any(map(Token.is_unresolved, accounts)):
                problem = f"contains {both}, which are in different accounts"
                raise InvalidOptionError(self, "meshes", problem, "Give those of one account, which accepts itself")
        regions = {mesh.region for mesh in everybody}
        if forgotten := sorted(set(self.attachments) - regions):
            fix = f"Give all of them, that of {forgotten[0]} too"
            raise InvalidOptionError(self, "meshes", f"is without that of {forgotten[0]}, which is peered with it", fix)
        if self._is_peered:
            problem = f"contains {path_of(everybody[1])}, which it is peered with"
            raise InvalidOptionError(self, "meshes", problem, "Give all Regions at once, in one call")
        self._is_peered = True
