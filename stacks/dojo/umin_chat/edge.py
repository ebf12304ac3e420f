"""Board D5, Umin Chat: what CloudFront keeps, and what it passes on to the servers."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from cdp_constructs import CacheDistribution
from cdp_constructs.core.periods import seconds
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.parts import add_alarm_topic, add_certificate, add_outputs, add_zone

__all__ = ["UminChatEdgeStack"]


class UminChatEdgeStack(Stack):
    """CloudFront, whose certificate and metrics are in us-east-1.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: us-east-1.
        configuration: What the operator decides.
        origin_name: Name of the load balancer, which has a certificate for it.
    """

    site: CacheDistribution
    """The distribution."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        env: Environment,
        configuration: DojoConfiguration,
        origin_name: str,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Umin Chat: edge locations")
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("umin_chat")
        zone = add_zone(self, configuration)
        # The room is in the path, so that each room has an answer of its own; nothing else tells readers apart.
        page = cloudfront.CachePolicy(
            self,
            "PageOfARoom",
            comment="A page of a room, for a second",
            min_ttl=seconds(0),
            default_ttl=seconds(0),
            max_ttl=seconds(1),
            enable_accept_encoding_gzip=True,
            enable_accept_encoding_brotli=True,
        )
        servers = origins.HttpOrigin(origin_name)
        self.site = CacheDistribution(
            self,
            "Site",
            origin=servers,
            cache_policy=page,
            domain_names=[name],
            certificate=add_certificate(self, name, zone),
            zone=zone,
            alarm_topic=alarm_topic,
        )
        self.site.add_behavior("/rooms/*/page", servers, cache_policy=page)
        self.site.add_uncached_behavior("/*", servers)
        add_outputs(self, DistributionDomain=self.site.distribution.distribution_domain_name)
