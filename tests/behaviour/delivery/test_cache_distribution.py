"""A distribution on the embedded cloud: which origin answers a path, under which headers, and what is refused."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3

from cdp_constructs import CacheDistribution
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture

REGION = "us-east-1"


@architecture
def news_with_pictures(stack: Stack) -> None:
    pages, pictures = (
        s3.Bucket(stack, name, removal_policy=RemovalPolicy.DESTROY, block_public_access=s3.BlockPublicAccess.BLOCK_ALL)
        for name in ("Pages", "Pictures")
    )
    news = CacheDistribution(
        stack,
        "News",
        origin=origins.S3BucketOrigin.with_origin_access_control(pages),
        content_security_policy={"img-src": ["https://pictures.example.com"]},
    )
    news.add_behavior("/pictures/*", origins.S3BucketOrigin.with_origin_access_control(pictures))
    CfnOutput(stack, "Url", value=news.url)
    for name, bucket in (("Pages", pages), ("Pictures", pictures)):
        CfnOutput(stack, f"{name}Bucket", value=bucket.bucket_name)


class News:
    """The deployed distribution and its readers."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        ((_, self.outputs),) = deployment.outputs.items()
        self.cloud = cloud
        storage = cloud.client("s3", REGION)
        storage.put_object(Bucket=self.outputs["PagesBucket"], Key="index.html", Body=b"news", ContentType="text/html")
        storage.put_object(Bucket=self.outputs["PagesBucket"], Key="pictures/cat.jpg", Body=b"not this one")
        storage.put_object(Bucket=self.outputs["PicturesBucket"], Key="pictures/cat.jpg", Body=b"a cat")

    def ask(self, method: str, path: str) -> httpx.Response:
        """Ask as a browser does, which resolves names under localhost."""
        local = httpx.URL(self.cloud.browser_url(f"{self.outputs['Url']}{path}"))
        return httpx.request(method, f"{self.cloud.endpoint}{path}", headers={"Host": local.netloc.decode()})


@pytest.fixture(scope="module")
def news(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> News:
    return News(local_cloud, deployed(news_with_pictures))


def test_each_path_is_answered_by_its_own_origin(news: News) -> None:
    assert news.ask("GET", "/index.html").text == "news"
    assert news.ask("GET", "/pictures/cat.jpg").text == "a cat"


def test_every_answer_has_the_security_headers_and_the_added_source(news: News) -> None:
    for path in ("/index.html", "/pictures/cat.jpg"):
        headers = news.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "img-src 'self' data: blob: https://pictures.example.com" in headers["content-security-policy"]


def test_the_cache_is_read_and_not_written(news: News) -> None:
    assert news.ask("DELETE", "/index.html").status_code == 403
    assert news.ask("GET", "/index.html").status_code == 200


def test_the_buckets_answer_nobody_else(news: News) -> None:
    for name, key in (("PagesBucket", "index.html"), ("PicturesBucket", "pictures/cat.jpg")):
        response = httpx.get(f"{news.cloud.endpoint}/{news.outputs[name]}/{key}")
        assert response.status_code == 403
