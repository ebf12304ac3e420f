"""A news site of servers, read from edge locations, with its pictures in a bucket."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3

from cdp_constructs import CacheDistribution


def build(stack: Stack, servers: str, pictures: s3.IBucket) -> CacheDistribution:
    """Keep pages for a minute when the servers do not say for how long, and pictures for a day."""
    minute = cloudfront.CachePolicy(
        stack,
        "Minute",
        default_ttl=Duration.minutes(1),
        query_string_behavior=cloudfront.CacheQueryStringBehavior.all(),
    )
    news = CacheDistribution(stack, "News", origin=origins.HttpOrigin(servers), cache_policy=minute)
    news.add_behavior("/pictures/*", origins.S3BucketOrigin.with_origin_access_control(pictures))
    return news
