"""Pages of a load balancer's servers, which may be a second old, and the rest of the site, which may not."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins

from cdp_constructs import CacheDistribution, ServiceFront


def build(stack: Stack, front: ServiceFront) -> CacheDistribution:
    """Keep pages of rooms for a second, each by its path, and nothing else."""
    servers = origins.HttpOrigin(front.domain_name)
    second = cloudfront.CachePolicy(
        stack, "Second", min_ttl=Duration.seconds(0), default_ttl=Duration.seconds(1), max_ttl=Duration.seconds(1)
    )
    site = CacheDistribution(stack, "Site", origin=servers, cache_policy=second)
    site.add_behavior("/rooms/*/page", servers, cache_policy=second)
    site.add_uncached_behavior("/*", servers)
    return site
