"""A site of servers, with a page from the edge for when none of them answers."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudfront_origins as origins

from cdp_constructs import CacheDistribution, SorryPage


def build(stack: Stack, servers: str) -> SorryPage:
    """Give up on servers that take no connection after 6 seconds; the default of CloudFront is 30."""
    origin = origins.HttpOrigin(servers, connection_attempts=2, connection_timeout=Duration.seconds(3))
    site = CacheDistribution(stack, "Site", origin=origin)
    sorry = SorryPage(stack, "Sorry", site=site, retry_after=Duration.minutes(1))
    site.add_uncached_behavior("/*", origin)
    return sorry
