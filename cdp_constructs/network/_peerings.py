"""The peerings of one Region's Transit Gateway: made or used, accepted, and routed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import CrossStackReferences, CustomResource, ReferenceStrength, RemovalPolicy, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import account_of, path_of, stack_of
from cdp_constructs.core.periods import minutes

__all__ = ["Peer", "RegionPeerings"]

_DESCRIBE = "ec2:DescribeTransitGatewayPeeringAttachments"


@dataclass(frozen=True)
class Peer:
    """The other end of a peering."""

    region: str
    transit_gateway_id: str
    cidrs: Sequence[str]
    """What is reached there."""


class RegionPeerings(Construct):
    """What a Region's second stack has: peerings with other Regions, and the routes to them."""

    attachments: Mapping[str, str]
    """The ids of the peering attachments, by the other Region."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        transit_gateway_id: str,
        route_tables: Mapping[str, str],
        subnets: Sequence[ec2.ISubnet],
        log_retention: logs.RetentionDays,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Prepare; ``make`` and ``use`` add each peering.

        Args:
            scope: A construct in the second stack.
            construct_id: Id inside ``scope``.
            transit_gateway_id: The Region's gateway.
            route_tables: Its route tables: ``network`` for what comes from the network, ``peerings`` for the rest.
            subnets: The subnets of the network that reach other Regions.
            log_retention: How long the function's log is kept.
            removal_policy: What happens to it when the stack is deleted.
        """
        super().__init__(scope, construct_id)
        self.attachments = self._attachments = dict[str, str]()
        self._transit_gateway_id, self._route_tables, self._subnets = transit_gateway_id, route_tables, subnets
        self._log_retention, self._removal_policy = log_retention, removal_policy
        self._function: lambda_.Function | None = None

    def make(self, peer: Peer) -> str:
        """Ask for a peering, let it be accepted, and route; return the id of the attachment once it is available."""
        attachment = ec2.CfnTransitGatewayPeeringAttachment(
            self,
            f"With-{peer.region}",
            transit_gateway_id=self._transit_gateway_id,
            peer_transit_gateway_id=peer.transit_gateway_id,
            peer_region=peer.region,
            peer_account_id=account_of(stack_of(self)),
        )
        Tags.of(attachment).add("Name", f"{path_of(self)} with {peer.region}")
        function = self._function = self._function or self._add_function()
        policy = iam.Policy(
            self,
            f"Accept-{peer.region}",
            statements=[
                iam.PolicyStatement(
                    actions=["ec2:AcceptTransitGatewayPeeringAttachment"],
                    resources=[
                        stack_of(self).format_arn(
                            service="ec2",
                            region=peer.region,
                            resource="transit-gateway-attachment",
                            resource_name=attachment.ref,
                        )
                    ],
                )
            ],
        )
        function.role.attach_inline_policy(policy)  # type: ignore[union-attr]  # our functions always have a role
        accepted = CustomResource(
            self,
            f"AcceptedBy-{peer.region}",
            resource_type="Custom::TransitGatewayPeering",
            service_token=function.function_arn,
            service_timeout=minutes(15),
            properties={"AttachmentId": attachment.ref, "Region": peer.region},
        )
        accepted.node.add_dependency(policy)
        # The other Region's second stack reads it, after the function has answered.
        CrossStackReferences.of(accepted).produce(ReferenceStrength.WEAK)
        return self.use(peer, accepted.ref)

    def use(self, peer: Peer, attachment_id: str) -> str:
        """Route by a peering; return the id of its attachment."""
        self._attachments[peer.region] = attachment_id
        ec2.CfnTransitGatewayRouteTableAssociation(
            self,
            f"From-{peer.region}",
            transit_gateway_attachment_id=attachment_id,
            transit_gateway_route_table_id=self._route_tables["peerings"],
        )
        tables = dict.fromkeys(subnet.route_table.route_table_id for subnet in self._subnets)
        for number, cidr in enumerate(peer.cidrs, start=1):
            route = ec2.CfnTransitGatewayRoute(
                self,
                f"To-{peer.region}-{number}",
                destination_cidr_block=cidr,
                transit_gateway_route_table_id=self._route_tables["network"],
                transit_gateway_attachment_id=attachment_id,
            )
            for place, table in enumerate(tables, start=1):
                out = ec2.CfnRoute(
                    self,
                    f"To-{peer.region}-{number}-Table{place}",
                    route_table_id=table,
                    destination_cidr_block=cidr,
                    transit_gateway_id=self._transit_gateway_id,
                )
                # Nothing leaves a subnet before the gateway knows where to.
                out.add_dependency(route)
        return attachment_id

    def _add_function(self) -> lambda_.Function:
        function = add_function(
            self,
            "Acceptance",
            handler="network/peering_acceptance",
            description="Accepts peerings of Transit Gateways in other Regions, and waits until they are available",
            invocation=Invocation.REQUEST,
            timeout=minutes(14),
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )
        look = iam.Policy(
            self,
            "Look",
            statements=[iam.PolicyStatement(actions=[_DESCRIBE], resources=["*"])],
            roles=[function.role],  # type: ignore[list-item]  # our functions always have a role
        )
        reason = "Attachments are described without a resource to name: the action accepts only * (Amazon EC2)."
        acknowledge(look, "AwsSolutions-IAM5[Resource::*]", reason)
        return function
